"""What is over goes some rows at a time; rows of plugins' tables as the plugins say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agentbox.core.background.expiry import AT_ONCE, Expiring, PurgeExpired, expiring
from agentbox.core.background.schedule import first_tick
from agentbox.core.background.scheduler import Scheduler
from agentbox.errors import StorageError
from agentbox.model.sessions import LoginFlow
from agentbox.plugin.job import Job
from agentbox.plugin.migrations import MigrationFolder
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import TICK, a_signing_key
from tests.backend import Database
from tests.core.background.jobs import MINUTE, Work, row, settle
from tests.core.world import START, World
from tests.scale import scaled

DAY = timedelta(days=1)
SEEN = {"sqlite": "INTEGER", "postgres": "timestamptz"}
VISITS = Expiring(plugin="ex", table="visits", column="seen_at", kept=30 * DAY)


@pytest.fixture
def visits(database: Database) -> None:
    """A table of a plugin, with an index."""
    kind = SEEN[database.name]
    database.run(f"CREATE TABLE visits (id TEXT PRIMARY KEY, seen_at {kind})")
    database.run("CREATE INDEX visits_by_time ON visits (seen_at)")


def add_visits(database: Database, number: int, age: timedelta, *, apart: bool = True) -> None:
    """So many visits of about that age, a microsecond apart or all at once."""
    begin = int((START - age).timestamp()) * 1_000_000
    step = 1 if apart else 0
    if database.name == "sqlite":
        database.run(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            f" INSERT INTO visits SELECT hex(randomblob(16)), {begin} + i * {step} FROM n",
            number - 1,
        )
    else:
        database.run(
            "INSERT INTO visits SELECT gen_random_uuid()::text, to_timestamp(0)"
            f" + ({begin} + i * {step}) * interval '1 microsecond'"
            f" FROM generate_series(1, {number}) AS i"
        )


class Careful(Work):
    run_missed = True


class Yearly(Careful):
    interval = None
    cron = "0 6 1 1 *"


def left(database: Database) -> int:
    return int(database.run("SELECT count(*) FROM visits")[0][0])


async def run(
    world: World, storage: Storage, *tables: Expiring, jobs: Sequence[Job] = ()
) -> str | None:
    """One run of the job, now; how it ended."""
    job = PurgeExpired(world.clock, tables, jobs)
    scheduler = Scheduler([job], storage, world.clock, world.counters)
    async with storage.transaction() as tx:
        await tx.jobs.ensure(job.name, world.clock.now())
        await tx.jobs.run_now(job.name, world.clock.now())
    await scheduler.look()
    await settle(scheduler)
    return (await row(storage, job.name)).last_outcome


async def test_a_signing_key_goes_a_day_after_it_has_verified_its_last(
    world: World, storage: Storage
) -> None:
    ends = {"gone": DAY + TICK, "seen": DAY, "verifying": -TICK, "signing": None}
    async with storage.transaction() as tx:
        for id_, ago in ends.items():
            at = None if ago is None else START - ago
            await tx.signing_keys.add(a_signing_key(id_, retired_at=at))

    assert await run(world, storage) == "ok"
    async with storage.transaction(read_only=True) as tx:
        left = {key.id for key in await tx.signing_keys.list()}
    assert left == {"seen", "verifying", "signing"}


async def add_jobs(storage: Storage, dues: Mapping[str, datetime]) -> None:
    """Rows of jobs that were never begun."""
    async with storage.transaction() as tx:
        for name, due in dues.items():
            await tx.jobs.ensure(name, due)


async def names_of_jobs(storage: Storage) -> set[str]:
    async with storage.transaction(read_only=True) as tx:
        return {state.name for state in await tx.jobs.list()}


async def test_the_row_of_a_job_that_nobody_has_goes_90_days_after_it_was_due(
    world: World, storage: Storage
) -> None:
    dues = {"ex-gone": 90 * DAY + TICK, "ex-away": 90 * DAY, "ex-yearly": -300 * DAY}
    await add_jobs(storage, {name: START - ago for name, ago in dues.items()})

    assert await run(world, storage) == "ok"
    assert await names_of_jobs(storage) == {"ex-away", "ex-yearly", "purge-expired"}


async def test_a_job_that_was_begun_or_is_held_since_stays(world: World, storage: Storage) -> None:
    ago = START - 91 * DAY
    await add_jobs(storage, dict.fromkeys(("ex-begun", "ex-held", "ex-gone"), ago))
    async with storage.transaction() as tx:
        await tx.jobs.claim("ex-begun", START - DAY, ago)
        await tx.jobs.claim("ex-held", ago, START + DAY)

    assert await run(world, storage) == "ok"
    assert await names_of_jobs(storage) == {"ex-begun", "ex-held", "purge-expired"}


# One that looks first, as sealing does, is due for as long as there is nothing to do.
async def test_jobs_of_this_program_keep_their_rows(world: World, storage: Storage) -> None:
    await add_jobs(storage, {"work": START - 400 * DAY, "other": START - 400 * DAY})

    assert await run(world, storage, jobs=[Work()]) == "ok"
    assert await names_of_jobs(storage) == {"work", "purge-expired"}


async def test_a_job_that_comes_back_late_runs_at_its_next_time(
    world: World, storage: Storage
) -> None:
    """Away for longer than its row is kept, it is a new one: nothing is made up for."""
    job = Careful()
    await add_jobs(storage, {"work": START - 91 * DAY})
    assert await run(world, storage) == "ok"
    scheduler = Scheduler([job], storage, world.clock, world.counters)
    await scheduler.look()  # as a server does that began before the row went
    await settle(scheduler)

    assert (job.runs, (await row(storage)).next_due) == ([], START + MINUTE)
    world.clock.move(60)
    await scheduler.look()
    await settle(scheduler)
    await scheduler.stop()

    assert job.runs == [START + MINUTE]


async def test_a_yearly_job_that_was_away_makes_up_for_its_run(
    world: World, storage: Storage
) -> None:
    job = Yearly()
    due = first_tick(job, START)
    await add_jobs(storage, {"work": due})
    world.clock.instant = due + 89 * DAY
    assert await run(world, storage) == "ok"
    scheduler = Scheduler([job], storage, world.clock, world.counters)
    await scheduler.look()
    await settle(scheduler)
    await scheduler.stop()

    assert job.runs == [due]


@pytest.mark.usefixtures("visits")
async def test_rows_of_a_plugin_go_when_they_are_older_than_it_says(
    world: World, storage: Storage, database: Database
) -> None:
    add_visits(database, 2 * AT_ONCE + 7, 31 * DAY)
    add_visits(database, 5, 29 * DAY)

    assert await run(world, storage, VISITS) == "ok"
    assert left(database) == 5


@pytest.mark.usefixtures("visits")
async def test_some_go_at_a_time_and_those_of_one_moment_together(
    world: World, storage: Storage, database: Database
) -> None:
    add_visits(database, 25, 40 * DAY)
    add_visits(database, 20, 35 * DAY, apart=False)
    gone = []
    while not gone or gone[-1]:
        async with storage.transaction() as tx:
            gone.append(await tx.delete_older("visits", "seen_at", START - 30 * DAY, 10))

    assert gone == [10, 10, 25, 0]


@pytest.mark.usefixtures("visits")
async def test_the_bound_itself_stays(storage: Storage, database: Database) -> None:
    add_visits(database, 1, 30 * DAY, apart=False)
    async with storage.transaction() as tx:
        assert await tx.delete_older("visits", "seen_at", START - 30 * DAY, 10) == 0
        after = START - 30 * DAY + timedelta(microseconds=1)
        assert await tx.delete_older("visits", "seen_at", after, 10) == 1


@pytest.mark.usefixtures("visits")
async def test_a_table_that_can_not_be_purged_stops_no_other_and_fails_the_run(
    world: World, storage: Storage, database: Database
) -> None:
    add_visits(database, 3, 31 * DAY)
    absent = Expiring(plugin="ex", table="absent", column="seen_at", kept=DAY)

    assert await run(world, storage, absent, VISITS) == "failed"
    assert left(database) == 0


@pytest.mark.parametrize("name", ['a"b', "a b", "A", "", "users; --"])
async def test_no_other_name_reaches_the_database(storage: Storage, name: str) -> None:
    async with storage.transaction() as tx:
        for table, column in ((name, "seen_at"), ("visits", name)):
            with pytest.raises(StorageError, match="no name of a table or a column"):
                await tx.delete_older(table, column, START, 10)


def test_every_table_that_plugins_declare_is_known() -> None:
    folder = MigrationFolder(plugin="ex", path=Path(), retention={"visits": ("seen_at", 30 * DAY)})

    assert expiring([folder, MigrationFolder(plugin="other", path=Path())]) == [VISITS]


# A request that writes waits for one small transaction, not for all of it.
async def test_writers_go_between_while_much_is_deleted(world: World, storage: Storage) -> None:
    number = scaled(5_000)
    async with storage.transaction() as tx:
        for n in range(number):
            await tx.login_flows.add(
                LoginFlow(
                    id=f"flow-{n}",
                    authenticator_id="ex",
                    sealed_state=b"x" * 100,
                    expires_at=START - 2 * DAY,
                )
            )
    waits: list[float] = []
    running = asyncio.create_task(run(world, storage))
    while not running.done():
        began = time.perf_counter()
        async with storage.transaction() as tx:
            await tx.markers.claim(f"m{len(waits)}", "x")
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0)

    assert await running == "ok"
    assert len(waits) >= number // AT_ONCE
