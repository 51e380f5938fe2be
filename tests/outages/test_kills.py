"""kill -9 of the server or of Postgres under mixed writes, again and again."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tests.e2e.wire import calls_to
from tests.live import Caller
from tests.outages.servers import at_one_moment, settings_for, until
from tests.postgres import Postgres
from tests.process import ServerProcess, agentbox, environment, serving
from tests.scale import scaled

WRITERS = 4


class Said(NamedTuple):
    """What was acknowledged: users made, by id the edits of each, keys made and revoked."""

    made: set[str]
    edits: Counter[str]
    keys: set[str]
    revoked: set[str]

    @property
    def number(self) -> int:
        """How many writes."""
        return len(self.made) + self.edits.total() + len(self.keys) + len(self.revoked)


async def write(caller: Caller, names: itertools.count[int], said: Said) -> None:
    """Mixed writes, until the server is gone; what fails is left as it is."""
    while True:
        made = await caller.post("/users", {"username": f"mixed-{next(names)}"})
        if made.status != 201:
            await asyncio.sleep(0.02)
            continue
        user = made.body["id"]
        said.made.add(user)
        for edit in range(2):
            email = f"{edit}@{made.body['username']}.example"
            edited = await caller.patch(f"/users/{user}", {"email": email})
            if edited.status != 200:
                break
            said.edits[user] += 1
        key = await caller.post("/api-keys", {})
        if key.status == 201:
            said.keys.add(key.body["id"])
            if (await caller.delete(f"/api-keys/{key.body['id']}")).status == 204:
                said.revoked.add(key.body["id"])


async def until_gone(caller: Caller, names: itertools.count[int], said: Said) -> None:
    """`write`; a connection that breaks off is the end of it."""
    try:
        await write(caller, names, said)
    except (aiohttp.ClientError, ConnectionError):
        return


async def one_round(
    server: ServerProcess, postgres: Postgres, number: int, names: itertools.count[int], said: Said
) -> None:
    """Write, kill Postgres and go on, write, kill the server; some writes before each kill."""
    async with calls_to(server.url) as live:
        caller = await live.admin()
        writing = [asyncio.create_task(until_gone(caller, names, said)) for _ in range(WRITERS)]
        before = said.number
        await until(lambda: said.number > before + 10 + number * 7 % 40, 30)
        await asyncio.to_thread(postgres.stop, signal.SIGKILL)
        await asyncio.to_thread(postgres.start)
        again = said.number
        await until(lambda: said.number > again + 10 + number * 11 % 40, 30)
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        await asyncio.gather(*writing)


async def test_no_acknowledged_write_is_lost_to_kill_9(
    durable: Postgres, durable_dsn: str, tmp_path: Path
) -> None:
    # ST-01, ST-02 and OB-04 on Postgres: 200 kills and more in `make soak` at scale 100
    env = environment(
        **{name: value for name, value in settings_for(durable_dsn).items() if value is not None}
    )
    names, said = itertools.count(), Said(set(), Counter(), set(), set())
    for number in range(scaled(2)):
        with serving(tmp_path, env=env) as server:
            await one_round(server, durable, number, names, said)

    assert_kept(durable_dsn, said)
    done = agentbox(tmp_path, "audit", "verify", env=env)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_kept(dsn: str, said: Said) -> None:
    """What was acknowledged is there, and each change exactly if its row of the audit is."""
    with at_one_moment(dsn) as connection:
        rows = connection.execute("SELECT event, target FROM audit").fetchall()
        users = dict(connection.execute("SELECT id, email FROM users").fetchall())
        keys = dict(connection.execute("SELECT id, revoked_at FROM api_keys").fetchall())
    assert said.made <= set(users)
    assert said.keys <= set(keys)
    assert all(keys[key] is not None for key in said.revoked)
    # The address says how many edits have been made.
    edits = {
        f"user:{id_}": 0 if email is None else int(email.partition("@")[0]) + 1
        for id_, email in users.items()
    }
    assert all(edits[f"user:{id_}"] >= number for id_, number in said.edits.items())
    assert sorted(targets(rows, "user.create")) == sorted(edits)
    assert sorted(targets(rows, "api_key.create")) == sorted(f"api_key:{id_}" for id_ in keys)
    updates = Counter(targets(rows, "user.update"))
    assert {user: updates[user] for user in edits} == edits
    gone = [f"api_key:{id_}" for id_, revoked_at in keys.items() if revoked_at is not None]
    assert sorted(targets(rows, "api_key.revoke")) == sorted(gone)


def targets(rows: list[tuple[str, str]], event: str) -> list[str]:
    """What the rows of one event are about."""
    return [target for name, target in rows if name == event]
