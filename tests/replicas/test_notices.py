"""Notices between replicas: how late they come is measured, and strange ones are no trouble."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from agentbox.plugin.storage import Change
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.live import Live
from tests.postgres import Postgres
from tests.replicas.cluster import name_of
from tests.replicas.together import together
from tests.scale import scaled

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'agentbox notices' AND datname = current_database()"
)
LAG = "postgres.revocation_lag_seconds"


def heard(live: Live) -> int:
    return live.runtime.counters.value(f"{LAG}.count")


async def until(live: Live, count: int) -> None:
    async with asyncio.timeout(5):
        while heard(live) < count:
            await asyncio.sleep(0.005)


# JWT-11: how late a revocation is noticed is measured where it is noticed
async def test_the_lag_of_a_revocation_is_measured_by_those_who_hear_of_it(
    fresh_dsn: str, tmp_path: Path
) -> None:
    async with together(tmp_path, fresh_dsn) as (one, two):
        admin = await one.admin()
        before = [heard(live) for live in (one, two)]
        user = (await admin.post("/users", {"username": "ada"})).body
        for action in ("disable", "enable", "disable"):
            assert (await admin.post(f"/users/{user['id']}/{action}")).status == 200
        await until(two, before[1] + 3)

        counters = two.runtime.counters
        assert heard(one) == before[0]  # its own it knows without being told
        assert counters.value(f"{LAG}.max_us") < 1_000_000  # 0 where the clocks differ by as much
        assert counters.value(f"{LAG}.le_1") == heard(two)


# JWT-11: a notice that another version sends, or somebody at a prompt, means that anything may have
# changed
async def test_a_notice_that_is_not_understood_forgets_everything(
    postgres: Postgres, fresh_dsn: str, tmp_path: Path
) -> None:
    async with together(tmp_path, fresh_dsn, 1) as [live]:
        told: list[str] = []
        live.runtime.storage.on_change(lambda change: told.append(change.kind))
        for payload in ("", "by hand", "[]", '["x",1,[["no such kind","1"]]]', "{"):
            told.clear()
            postgres.run(f"NOTIFY agentbox_changes, '{payload}'", database=name_of(fresh_dsn))
            async with asyncio.timeout(5):
                while not told:
                    await asyncio.sleep(0.005)

            assert told == ["all"]
        assert (await (await live.admin()).get("/auth/me")).status == 200


# JWT-11: a notice has room for so many
@pytest.mark.parametrize(("count", "kinds"), [(50, {"user"}), (1000, {"all"})])
async def test_what_does_not_fit_into_a_notice_is_told_as_everything(
    fresh_dsn: str, count: int, kinds: set[str]
) -> None:
    one, two = PostgresStorage(fresh_dsn), PostgresStorage(fresh_dsn)
    one.migrate(own_folders())
    told: list[str] = []
    async with one.open(), two.open():
        two.on_change(lambda change: told.append(change.kind))
        async with one.transaction() as tx:
            for number in range(count):
                tx.changed(Change("user", f"{number:020}"))
        async with asyncio.timeout(5):
            while not told:
                await asyncio.sleep(0.005)

    assert set(told) == kinds


async def hears(one: PostgresStorage, two: PostgresStorage) -> bool:
    """Whether two is told what one changes, within a second."""
    told: list[str] = []
    two.on_change(lambda change: told.append(change.id))
    deadline = asyncio.get_running_loop().time() + 10
    while asyncio.get_running_loop().time() < deadline:
        # One that is sent while it connects is lost, which is why everything is forgotten then.
        async with one.transaction() as tx:
            tx.changed(Change("user", "a-user"))
        await asyncio.sleep(0.05)
        if "a-user" in told:
            return True
    return False


# JWT-11: whenever the connection is cut, also while it is being made, another one is made
async def test_a_replica_goes_on_listening_however_often_it_is_cut_off(fresh_dsn: str) -> None:
    one, two = PostgresStorage(fresh_dsn), PostgresStorage(fresh_dsn)
    one.migrate(own_folders())

    def cut_off(times: int) -> None:
        with psycopg.connect(fresh_dsn, autocommit=True) as connection:
            while times > 0:
                times -= len(connection.execute(CUT).fetchall())

    async with one.open(), two.open():
        for _ in range(3):
            await asyncio.to_thread(cut_off, scaled(60))
            assert await hears(one, two)
            assert await hears(two, one)


# JWT-11: whatever the driver raises
@pytest.mark.parametrize(
    "error", [RuntimeError("x"), asyncio.CancelledError(), OSError()], ids=repr
)
async def test_a_replica_goes_on_listening_whatever_happens_when_it_connects(
    fresh_dsn: str, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    one, two = PostgresStorage(fresh_dsn), PostgresStorage(fresh_dsn)
    one.migrate(own_folders())
    connect, failures = asyncpg.connect, [error] * 4

    async def connect_or_fail(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return await connect(*arguments, **options)

    async with one.open(), two.open():
        monkeypatch.setattr(asyncpg, "connect", connect_or_fail)
        with psycopg.connect(fresh_dsn, autocommit=True) as connection:
            connection.execute(CUT)
        assert await hears(one, two)
        assert await hears(two, one)
    assert failures == []
