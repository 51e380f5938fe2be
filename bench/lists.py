"""Lists of many users and environments on SQLite: one page and its count, case by case."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from agentbox.model.access.roles import Role
from agentbox.model.environments import EnvironmentFilter, EnvironmentStatus
from agentbox.model.users import Status, UserFilter
from agentbox.plugin.storage import Page
from agentbox_sqlite.storage import SqliteStorage
from bench.filling import Filled, fill, when

GOAL_MS = 50.0
LIMITS = (100, 1000)
LOOKUP = "SELECT id FROM users WHERE id = ?"
LOOKUPS = 2000


class Case(NamedTuple):
    """One list that somebody asks for; `after` is a row's number, to go on from."""

    name: str
    where: UserFilter | EnvironmentFilter
    offset: int = 0
    after: int | None = None


class Took(NamedTuple):
    """Milliseconds, p50 and p95: the page, its count, both together, and the processor's time for
    both, which others on the machine lengthen less."""

    case: Case
    limit: int
    rows: int
    total: int
    page: tuple[float, float]
    counting: tuple[float, float]
    both: tuple[float, float]
    cpu: tuple[float, float]
    lookup: float

    @property
    def ratio(self) -> float:
        """The two together, in bare look-ups by primary key just before."""
        return self.both[0] / self.lookup


def user_cases(size: int) -> Iterator[Case]:
    """Everything a list of users can be asked for."""
    searches = {"common": "ada", "rare": "KAY-47", "none": "nobody", "one character": "a"}
    yield Case("first page", UserFilter())
    yield Case("deep offset", UserFilter(), offset=size * 9 // 10)
    yield Case("cursor in the middle", UserFilter(), after=size // 2)
    yield Case("role common", UserFilter(role=Role.USER))
    yield Case("role common, deep", UserFilter(role=Role.USER), offset=size * 8 // 10)
    yield Case("role rare", UserFilter(role=Role.SUPER_ADMIN))
    yield Case("status common", UserFilter(status=Status.ACTIVE))
    yield Case("status rare", UserFilter(status=Status.SUSPENDED))
    rare = UserFilter(role=Role.SUPER_ADMIN, status=Status.SUSPENDED)
    yield Case("role + status common", UserFilter(role=Role.USER, status=Status.ACTIVE))
    yield Case("role + status rare", rare)
    yield Case("role + status rare, cursor", rare, after=size // 2)
    for name, text in searches.items():
        yield Case(f"search {name}", UserFilter(search=text))
        alike = UserFilter(search=text, role=Role.USER, status=Status.ACTIVE)
        yield Case(f"search {name} + role + status", alike)
    yield Case("search common, deep", UserFilter(search="ada"), offset=size * 9 // 100)
    yield Case("search none, cursor", UserFilter(search="nobody"), after=size // 2)


def environment_cases(filled: Filled) -> Iterator[Case]:
    """The same of environments, for each of those who may look."""
    lookers = {
        "super_admin": None,
        "many grants": filled.granted_many,
        "all granted": filled.granted_all,
    }
    step = max(1, len(filled.environments) // 101)
    named = tuple(filled.environments[::step][:100])
    for who, granted_to in lookers.items():
        for case in _environment_cases(filled):
            where = _with(case.where, granted_to=granted_to)
            yield case._replace(name=f"{who}: {case.name}", where=where)
        for name, where in _filters(filled):
            if name in {"no filter", "status common", "label common", "search none"}:
                only = _with(where, granted_to=granted_to, only=named)
                yield Case(f"{who}: only 100 ids, {name}", only)


def _with(where: UserFilter | EnvironmentFilter, **fields: object) -> EnvironmentFilter:
    assert isinstance(where, EnvironmentFilter)
    told = {name: getattr(where, name) for name in where.__struct_fields__}
    return EnvironmentFilter(**{**told, **fields})


def _environment_cases(filled: Filled) -> Iterator[Case]:
    size = len(filled.environments)
    for name, where in _filters(filled):
        yield Case(name, where)
    yield Case("deep offset", EnvironmentFilter(), offset=size * 9 // 10)
    yield Case("cursor in the middle", EnvironmentFilter(), after=size // 2)
    terminated = EnvironmentFilter(status=EnvironmentStatus.TERMINATED)
    yield Case("status common, deep", terminated, offset=size * 7 // 10)
    standard = EnvironmentFilter(label=("tier", "standard"))
    yield Case("label common, deep", standard, offset=size * 8 // 10)
    yield Case("search common, deep", EnvironmentFilter(search="sandbox"), offset=size * 4 // 10)


def _filters(filled: Filled) -> Iterator[tuple[str, EnvironmentFilter]]:
    terminated, pending = EnvironmentStatus.TERMINATED, EnvironmentStatus.PENDING
    standard, incident = ("tier", "standard"), ("incident", "4711")
    many, few = filled.owner_of_many, filled.owner_of_few
    yield "no filter", EnvironmentFilter()
    yield "status common", EnvironmentFilter(status=terminated)
    yield "status rare", EnvironmentFilter(status=pending)
    yield "user_id common", EnvironmentFilter(user_id=many)
    yield "user_id rare", EnvironmentFilter(user_id=few)
    yield "label common", EnvironmentFilter(label=standard)
    yield "label rare", EnvironmentFilter(label=incident)
    yield "label absent", EnvironmentFilter(label=("tier", "none"))
    searches = {"common": "sandbox", "rare": "otter 47", "none": "nothing", "one character": "o"}
    for name, text in searches.items():
        yield f"search {name}", EnvironmentFilter(search=text)
    for name, label in (("common", standard), ("rare", incident)):
        yield f"label {name} + status", EnvironmentFilter(label=label, status=terminated)
        yield f"label {name} + user_id", EnvironmentFilter(label=label, user_id=many)
        yield f"label {name} + search common", EnvironmentFilter(label=label, search="sandbox")
        yield f"label {name} + search none", EnvironmentFilter(label=label, search="nothing")
    yield "user_id + status", EnvironmentFilter(user_id=many, status=terminated)
    yield "user_id rare + status rare", EnvironmentFilter(user_id=few, status=pending)
    yield "status + search none", EnvironmentFilter(status=terminated, search="nothing")
    yield (
        "everything",
        EnvironmentFilter(user_id=many, status=terminated, label=standard, search="o"),
    )


def run(size: int, rounds: int) -> list[Took]:
    """All cases on one new database."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder) / "agentbox.db", size, rounds))


async def _run(path: Path, size: int, rounds: int) -> list[Took]:
    filled = await fill(path, size)
    cases = [*user_cases(size), *environment_cases(filled)]
    storage, taken = SqliteStorage(path), []
    with closing(sqlite3.connect(path)) as bare:
        async with storage.open():
            for case in cases:
                for limit in LIMITS:
                    lookup = _lookup(bare, filled)
                    taken.append(await measured(storage, filled, case, limit, rounds, lookup))
    return taken


async def measured(
    storage: SqliteStorage, filled: Filled, case: Case, limit: int, rounds: int, lookup: float
) -> Took:
    """One case, after a round that does not count."""
    pages, counts, cpu = [], [], []
    rows, _, total = await ask(storage, filled, case, limit)
    for _ in range(rounds):
        spent, began = time.process_time(), time.perf_counter()
        _, listed, _ = await ask(storage, filled, case, limit)
        ended = time.perf_counter()
        cpu.append((time.process_time() - spent) * 1000)
        pages.append((listed - began) * 1000)
        counts.append((ended - listed) * 1000)
    both = [page + count for page, count in zip(pages, counts, strict=True)]
    times = _typical(pages), _typical(counts), _typical(both)
    return Took(case, limit, rows, total, *times, _typical(cpu), lookup)


async def ask(
    storage: SqliteStorage, filled: Filled, case: Case, limit: int
) -> tuple[int, float, int]:
    """Rows of the page, when it was there, and how many there are: as the core asks for a page."""
    # One row more than is shown tells whether there is a next page.
    page = Page(limit + 1, case.offset)
    where = case.where
    async with storage.transaction(read_only=True) as tx:
        if isinstance(where, UserFilter):
            if case.after is not None:
                page = Page(limit + 1, after=(when(case.after), filled.users[case.after]))
            rows = len(await tx.users.list(where, page))
            return rows, time.perf_counter(), await tx.users.count(where)
        if case.after is not None:
            page = Page(limit + 1, after=(when(case.after), filled.environments[case.after]))
        viewer = where.granted_to or filled.users[0]
        rows = len(await tx.environments.list(where, page, viewer))
        return rows, time.perf_counter(), await tx.environments.count(where)


def _lookup(bare: sqlite3.Connection, filled: Filled) -> float:
    """Milliseconds of one bare look-up by primary key, the median of many."""
    took = []
    for number in range(LOOKUPS):
        id_ = filled.users[number * 7919 % len(filled.users)]
        began = time.perf_counter()
        bare.execute(LOOKUP, (id_,)).fetchone()
        took.append((time.perf_counter() - began) * 1000)
    return _typical(took)[0]


def _typical(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]


def lines(size: int, rounds: int) -> list[str]:
    """The table, and what is over the goal."""
    before = os.getloadavg()[0]
    taken = run(size, rounds)
    heading = f"{'page':>13} {'count':>13} {'both':>13} {'CPU of both':>13} {'ratio':>7}"
    made = [
        f"lists on SQLite {sqlite3.sqlite_version}: {size} users, {size} environments, "
        f"{rounds} rounds; p50 and p95 in ms",
        f"load average {before:.1f} before and {os.getloadavg()[0]:.1f} after, "
        f"on {os.cpu_count()} cores",
        "ratio: p50 of both to a bare look-up by primary key just before, "
        f"{taken[0].lookup * 1000:.1f} us in the beginning",
        "",
        f"{'case':54} {'limit':>5} {'of':>6} {heading}",
    ]
    made += map(_line, taken)
    over = sum(each.both[1] > GOAL_MS for each in taken)
    busy = sum(each.cpu[1] > GOAL_MS for each in taken)
    told = f"over {GOAL_MS:.0f} ms p95: {over} of {len(taken)}, by the processor's time {busy}"
    return [*made, "", told]


def _line(took: Took) -> str:
    name = f"{'users: ' if isinstance(took.case.where, UserFilter) else ''}{took.case.name}"
    spans = (took.page, took.counting, took.both, took.cpu)
    times = " ".join(f"{p50:6.1f} {p95:6.1f}" for p50, p95 in spans)
    over = "  over" if took.both[1] > GOAL_MS else ""
    return f"{name:54} {took.limit:5} {took.total:6} {times} {took.ratio:7.0f}{over}"
