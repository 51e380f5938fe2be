"""Replicas of two versions on one schema: N-1 goes on while N migrates, and beside it.

N is this program with one migration more, in a copy of the folder of migrations.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from agentbox.errors import SchemaError
from agentbox.plugin.migrations import MigrationFolder
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.live import UNTHROTTLED, Live
from tests.postgres import Postgres
from tests.process import ServerProcess, agentbox
from tests.replicas.cluster import Replica, calling, cluster, name_of, settings, starting
from tests.replicas.together import together

ADDS = """
CREATE TABLE notes (id text NOT NULL PRIMARY KEY, user_id text);
ALTER TABLE users ADD COLUMN note text;
ALTER TABLE api_keys ADD COLUMN noted boolean NOT NULL DEFAULT false;
ALTER TABLE audit ADD COLUMN note text;
CREATE INDEX users_by_note ON users (note);
"""
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'ADD COLUMN'"


def newer_version(folder: Path, **migrations: str) -> dict[str, str]:
    """The environment of a version that has these migrations besides."""
    package = folder / "newer" / "agentbox_migrations"
    shutil.copytree(own_folders()[0].path, package / "postgres")
    (package / "__init__.py").touch()  # so that it is found alone, and not joined with ours
    for name, sql in migrations.items():
        path = package / "postgres" / f"{name.replace('_', '-')}.sql"
        path.write_text(sql)
        path.with_name(f"{path.stem}.rollback.sql").write_text("SELECT 1;\n")
    return {"PYTHONPATH": str(package.parent)}


class Load:
    """People who work all the time at some replicas, and what they are answered."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.replicas: list[Replica | Live] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._over = False

    async def stop(self) -> None:
        """Let all answers come; raises what went wrong."""
        self._over = True
        await asyncio.gather(*self.tasks)

    async def work(self, token: str) -> None:
        while not self._over:
            for one in list(self.replicas):
                caller = one.with_token(token)
                self.statuses.append((await caller.get("/users?limit=5")).status)
                body = {"username": f"u-{os.urandom(6).hex()}"}
                made = await caller.post("/users", body)
                self.statuses.append(made.status)
                path = f"/users/{made.body.get('id')}"
                self.statuses.append((await caller.patch(path, {"role": "viewer"})).status)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def load_on(first: Replica | Live) -> AsyncIterator[Load]:
    """With a token that the first has given."""
    token = (await first.admin()).headers["Authorization"].removeprefix("Bearer ")
    load = Load()
    load.replicas.append(first)
    load.tasks += [asyncio.create_task(load.work(token)) for _ in range(4)]
    try:
        yield load
    finally:
        for task in load.tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*load.tasks, return_exceptions=True)


# OP-06, ST-06
async def test_an_older_replica_goes_on_while_a_newer_one_migrates_and_beside_it(
    fresh_dsn: str, tmp_path: Path
) -> None:
    older = settings(fresh_dsn, **UNTHROTTLED)
    newer = older | newer_version(tmp_path, agentbox_postgres_0999_notes_additive=ADDS)
    with cluster(tmp_path, 1, older) as [first], starting(tmp_path, 0, newer) as more:
        async with calling([first]) as [one], load_on(one) as load:
            more.append(second := ServerProcess(tmp_path, env=newer))
            await asyncio.to_thread(second.wait_until_listening)
            async with calling([second]) as [two]:
                load.replicas.append(two)
                key = (await (await one.admin()).post("/api-keys", {})).body
                for replica in (one, two):
                    assert (await replica.with_token(key["key"]).get("/auth/me")).status == 200
                await (await two.admin()).delete(f"/api-keys/{key['id']}")
                async with asyncio.timeout(1):
                    while (await one.with_token(key["key"]).get("/auth/me")).status != 401:
                        await asyncio.sleep(0.01)
                await load.stop()
        assert set(load.statuses) == {200, 201}
        # One that starts again in the middle of the upgrade.
        status = agentbox(tmp_path, "migrate", "status", "--json", env=older)
        assert json.loads(status.stdout)["newer"] == ["agentbox-postgres-0999-notes-additive"]
        with cluster(tmp_path, 1, older):
            pass


# ST-06
async def test_a_start_on_a_schema_that_did_more_than_add_is_refused_and_who_runs_goes_on(
    fresh_dsn: str, tmp_path: Path
) -> None:
    newer_version(tmp_path, agentbox_postgres_0999_notes=ADDS)
    async with together(tmp_path, fresh_dsn, 1) as [live], load_on(live) as load:
        await asyncio.to_thread(migrate_newer, fresh_dsn, tmp_path)
        await load.stop()
    with pytest.raises(SchemaError, match=r"ahead of this program: agentbox-postgres-0999-notes\."):
        async with together(tmp_path, fresh_dsn, 1):
            pass

    assert set(load.statuses) == {200, 201}


# OP-06: whoever waits for a table holds up everybody behind
async def test_a_migration_that_has_to_wait_for_a_table_holds_up_no_request(
    postgres: Postgres, fresh_dsn: str, tmp_path: Path
) -> None:
    newer_version(tmp_path, agentbox_postgres_0999_notes_additive=ADDS)
    async with together(tmp_path, fresh_dsn, 1) as [live], load_on(live) as load:
        with psycopg.connect(fresh_dsn) as reading:
            reading.execute("SELECT count(*) FROM audit")  # and it does not end
            up = asyncio.create_task(asyncio.to_thread(migrate_newer, fresh_dsn, tmp_path))
            async with asyncio.timeout(30):
                while not postgres.run(WAITING, database=name_of(fresh_dsn)):
                    await asyncio.sleep(0.01)
            await asyncio.wait({up}, timeout=2.5)  # longer than a request would wait
            assert not up.done()
        await up
        await load.stop()

    assert set(load.statuses) == {200, 201}


def migrate_newer(dsn: str, folder: Path) -> None:
    """What the newer version does when it starts."""
    path = folder / "newer" / "agentbox_migrations" / "postgres"
    assert PostgresStorage(dsn).migrate([MigrationFolder(plugin="postgres", path=path)])
