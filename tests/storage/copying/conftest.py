"""A filled database, and an empty one to copy to, of each pair of kinds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.storage.copying.places import Place, PostgresPlace, SqlitePlace, fill


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """A Postgres database with the schema, to make others of."""
    name = postgres.create()
    PostgresPlace(postgres.dsn(name))
    return name


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for SQLite."""
    return SqlitePlace(tmp_path_factory.mktemp("migrated") / "migrated.db").path


@pytest.fixture(params=["sqlite-postgres", "postgres-sqlite"])
def kinds(request: pytest.FixtureRequest) -> str:
    """Of the source and of the target."""
    return str(request.param)


@pytest.fixture
def places(
    kinds: str, tmp_path: Path, postgres: Postgres, migrated: str, migrated_file: Path
) -> Iterator[tuple[Place, Place]]:
    """Two empty databases."""
    made: list[Place] = []
    names: list[str] = []
    for number, kind in enumerate(kinds.split("-")):
        if kind == "sqlite":
            made.append(SqlitePlace(shutil.copy(migrated_file, tmp_path / f"{number}.db")))
        else:
            names.append(postgres.create(template=migrated))
            made.append(PostgresPlace(postgres.dsn(names[-1])))
    yield made[0], made[1]
    for name in names:
        postgres.drop(name)


@pytest.fixture
async def source(places: tuple[Place, Place]) -> Place:
    """With something in every table."""
    await fill(places[0].storage)
    return places[0]


@pytest.fixture
def target(places: tuple[Place, Place]) -> Place:
    """Empty."""
    return places[1]
