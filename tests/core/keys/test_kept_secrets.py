"""Of a key's secret nothing is kept, however the key came to be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from agentbox.core.keys.making import NewApiKey
from agentbox.model.principal import Actor
from tests.core.world import HERE, World


def copied(database: Path) -> Path:
    """A backup, taken while the server runs."""
    backup = database.with_name("backup.db")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    return backup


# AK-01: database, write-ahead log and backup
async def test_no_file_holds_the_secret_of_a_key_made_or_rotated(
    world: World, owner: Actor, database: Path
) -> None:
    made = await world.api_keys.create(owner, HERE, NewApiKey(name="a name to be found"))
    rotated = await world.api_keys.rotate(owner, HERE, made.record.id)
    backup = copied(database)
    files = {path.name: path.read_bytes() for path in database.parent.iterdir() if path.is_file()}
    secrets = [each.text.reveal().rpartition("_")[2].encode() for each in (made, rotated)]

    assert {f"{database.name}-wal", backup.name} <= set(files)
    assert any(b"a name to be found" in data for data in files.values())
    assert b"a name to be found" in files[backup.name]
    for secret in secrets:
        found = [name for name, data in files.items() if secret in data or secret[:43] in data]
        assert found == []
