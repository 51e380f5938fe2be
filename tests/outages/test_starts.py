"""A database that would lose or garble what is written stops the start, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from agentbox.errors import StartError, StorageError
from agentbox_postgres import checks, notices
from agentbox_postgres.storage import PostgresStorage
from tests.canaries import DSN_PASSWORD
from tests.live import live_server
from tests.outages.servers import copy_of, on_postgres, settings_for
from tests.postgres import Postgres
from tests.process import agentbox, environment


async def refused(dsn: str, **more: str) -> str:
    """Why a server does not start on a database."""
    with pytest.raises(StorageError) as caught:
        async with on_postgres(dsn, **more):
            pass
    return str(caught.value)


@pytest.mark.parametrize("level", ["ROLE agentbox IN DATABASE {}", "DATABASE {}"])
async def test_synchronous_commit_that_is_off(postgres: Postgres, dsn: str, level: str) -> None:
    # ST-01 on Postgres: checked at start
    postgres.run(f"ALTER {level.format(name_of(dsn))} SET synchronous_commit = off")

    assert "synchronous_commit is off" in await refused(dsn)


async def test_an_encoding_that_is_not_utf_8(postgres: Postgres) -> None:
    name = postgres.create(template="template0 ENCODING 'SQL_ASCII'")
    try:
        assert "encoding is SQL_ASCII" in await refused(postgres.dsn(name))
    finally:
        postgres.drop(name)


async def test_a_server_that_is_too_old(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "OLDEST", 990000)

    assert "is too old" in await refused(dsn)


async def test_a_database_without_tables(fresh_dsn: str) -> None:
    with pytest.raises(StorageError, match="no tables; `agentbox migrate up`"):
        async with PostgresStorage(fresh_dsn).open():
            pass


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    reason = await refused(f"postgresql://agentbox:{DSN_PASSWORD}@/agentbox?host={tmp_path}")

    assert str(tmp_path) in reason
    assert DSN_PASSWORD not in reason


async def test_no_root_secret(dsn: str, tmp_path: Path) -> None:
    environ = settings_for(dsn) | {"AGENTBOX_SECRET_KEY": None}
    with pytest.raises(StartError, match="agentbox secret new"):
        async with live_server(tmp_path, environ=environ):
            pass


async def test_two_addresses_of_different_databases(
    postgres: Postgres, template: str, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "HEAR_WITHIN", 0.3)
    with copy_of(postgres, template) as other:
        reason = await refused(dsn, AGENTBOX_PLUGINS__POSTGRES__DIRECT_DSN=other)

    assert "different databases" in reason


def name_of(dsn: str) -> str:
    """The database that an address leads to."""
    return dsn.partition("@/")[2].partition("?")[0]


@contextmanager
def asking_for_passwords(server: Postgres, role: str) -> Iterator[None]:
    """Nobody is this role without its password."""
    rules = server.data / "pg_hba.conf"
    before = rules.read_text()
    server.run(f"CREATE ROLE {role} LOGIN PASSWORD '{DSN_PASSWORD}'")
    rules.write_text(f"local all {role} scram-sha-256\n{before}")
    server.run("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        rules.write_text(before)
        server.run("SELECT pg_reload_conf()", f"DROP ROLE {role}")


def test_a_password_that_is_wrong_is_not_shown(
    postgres: Postgres, dsn: str, tmp_path: Path
) -> None:
    # OB-01: the password of a DSN; what is printed is looked through for it
    wrong = quote(f"{DSN_PASSWORD}?")
    env = {
        name: value
        for name, value in settings_for(
            dsn.replace("agentbox@", f"guarded:{wrong}@"), AGENTBOX_SERVER__LOG_LEVEL="debug"
        ).items()
        if value is not None
    }
    with asking_for_passwords(postgres, "guarded"):
        done = agentbox(tmp_path, "serve", "--port", "0", env=environment(**env))

    assert done.returncode == 3
    assert 'password authentication failed for user "guarded"' in done.stderr
    assert DSN_PASSWORD not in done.stdout + done.stderr
