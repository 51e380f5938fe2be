"""Of a key's secret nothing is kept, however the key came to be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentbox.core.keys.making import NewApiKey
from agentbox.model.principal import Actor
from tests.backend import Database
from tests.core.world import HERE, World


async def secrets_of(world: World, owner: Actor) -> list[bytes]:
    """Those of a key that was made and of one that was rotated."""
    made = await world.api_keys.create(owner, HERE, NewApiKey(name="a name to be found"))
    rotated = await world.api_keys.rotate(owner, HERE, made.record.id)
    return [each.text.reveal().rpartition("_")[2].encode() for each in (made, rotated)]


# AK-01: whatever the database keeps
async def test_the_database_does_not_hold_the_secret_of_a_key_made_or_rotated(
    world: World, owner: Actor, database: Database
) -> None:
    secrets = await secrets_of(world, owner)
    kept = database.content()

    assert b"a name to be found" in kept
    assert [each for each in secrets if each in kept or each[:43] in kept] == []


def copied(database: Path) -> Path:
    """A backup, taken while the server runs."""
    backup = database.with_name("backup.db")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    return backup


# AK-01: database, write-ahead log and backup
@pytest.mark.sqlite_alone("write-ahead log and backup of a file")
async def test_no_file_holds_the_secret_of_a_key_made_or_rotated(
    world: World, owner: Actor, tmp_path: Path
) -> None:
    secrets = await secrets_of(world, owner)
    database = tmp_path / "agentbox.db"
    backup = copied(database)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    assert {f"{database.name}-wal", backup.name} <= set(files)
    assert any(b"a name to be found" in data for data in files.values())
    assert b"a name to be found" in files[backup.name]
    for secret in secrets:
        found = [name for name, data in files.items() if secret in data or secret[:43] in data]
        assert found == []
