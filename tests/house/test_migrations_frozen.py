"""An applied migration is never edited: a change of the schema is a new file."""

from __future__ import annotations

import hashlib

from tests.house.tree import ROOT

FOLDER = ROOT / "migrations" / "agentbox_migrations"
LIST = ROOT / "tests" / "data" / "migrations.sha256"


def recorded() -> dict[str, str]:
    """Name below the folder to SHA-256, as `sha256sum` writes it."""
    return {
        name: digest
        for digest, name in (line.split("  ", 1) for line in LIST.read_text().splitlines())
    }


def present() -> dict[str, str]:
    return {
        path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.rglob("*.sql")
    }


def test_no_migration_has_been_edited_or_removed() -> None:
    now = present()

    assert {name: now.get(name) for name in recorded()} == recorded()


def test_every_migration_is_on_the_list() -> None:
    """Add a line for a new file: `sha256sum <backend>/<file>.sql` in the folder of migrations."""
    assert set(present()) - set(recorded()) == set()


def test_every_migration_has_its_way_back() -> None:
    names = set(present())
    forward = {name for name in names if not name.endswith(".rollback.sql")}

    assert {name.removesuffix(".sql") + ".rollback.sql" for name in forward} == names - forward


def test_no_code_lies_among_the_migrations() -> None:
    assert list(FOLDER.rglob("*.py")) == []
