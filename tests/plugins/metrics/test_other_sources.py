"""Totals, the host, and what a process does, each from the real thing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from agentbox.core.host_services import HostServices
from agentbox.model.metrics import MetricKind
from agentbox.model.sessions import Session
from agentbox.plugin import Family, Histogram, MetricSource, Storage
from agentbox_metrics.host import Host
from agentbox_metrics.own import DURATIONS, Own
from agentbox_metrics.totals import Totals
from tests.plugins.rows import add_user
from tests.plugins.stand_in import START


async def values(source: MetricSource) -> dict[str, float]:
    samples = await source.collect(START)
    assert {sample.type for sample in samples} <= {kind.name for kind in source.types}
    assert {sample.environment_id for sample in samples} <= {None}
    return {sample.type: sample.value for sample in samples}


async def test_totals_are_those_of_the_database(services: HostServices, storage: Storage) -> None:
    assert await values(Totals(services)) == {
        "users": 0,
        "sessions": 0,
        "api_keys": 0,
        "environments": 0,
    }

    for user in ("u1", "u2"):
        await add_user(storage, user, username=user)
        for number, hours in enumerate((1, -1)):
            session = Session(
                id=f"{user}-{number}",
                user_id=user,
                authenticator_id="password",
                created_at=START - timedelta(days=1),
                expires_at=START + timedelta(hours=hours),
                auth_time=START - timedelta(days=1),
                amr=("pwd",),
            )
            async with storage.transaction() as tx:
                await tx.sessions.add(session)

    found = await values(Totals(services))
    assert (found["users"], found["sessions"]) == (2, 2)


async def test_the_host_is_measured_where_the_process_runs(tmp_path: Path) -> None:
    found = await values(Host(tmp_path / "agentbox.db.key"))

    assert set(found) == {"host_cpu", "host_memory", "host_disk", "process_memory"}
    assert all(0.0 <= found[name] <= 100.0 for name in ("host_cpu", "host_memory", "host_disk"))
    assert 1.0 < found["process_memory"] < 100_000.0


async def test_without_a_database_of_ours_there_is_no_disk_to_measure() -> None:
    assert "host_disk" not in await values(Host(None))


async def test_the_processors_are_measured_from_the_opening_on() -> None:
    source = Host(None)
    total = 0
    for number in range(2_000_000):
        total += number
    assert total > 0

    assert (await values(source))["host_cpu"] > 0.0


async def test_processors_are_measured_since_the_tick_before_whichever_thread_measures() -> None:
    source, loop = Host(None), asyncio.get_running_loop()
    threads = [ThreadPoolExecutor(1) for _ in range(3)]
    for thread in threads:
        before, until = psutil.cpu_times(), time.process_time() + 0.3
        while time.process_time() < until:
            pass
        now = psutil.cpu_times()
        passed = sum(now) - sum(before)
        busy = passed - (now.idle - before.idle) - (now.iowait - before.iowait)
        loop.set_default_executor(thread)

        found = (await values(source))["host_cpu"]

        assert found == pytest.approx(100.0 * busy / passed, abs=15.0)
    for thread in threads:
        thread.shutdown()


def histogram(*counts: int, count: int) -> Histogram:
    return Histogram(bounds=(0.1, 1.0), counts=counts, count=count, total=0.0)


class Told:
    """Readings as a test has them."""

    def __init__(self) -> None:
        self.families: list[Family] = []

    async def of_server(self) -> Sequence[Family]:
        raise AssertionError("a process reads itself alone")

    def of_process(self) -> Sequence[Family]:
        return self.families


def family(name: str, label: str, **counts: float) -> Family:
    return Family(
        name=name,
        kind="counter",
        description="",
        labels=(label,),
        values={(value,): number for value, number in counts.items()},
    )


async def test_counters_are_what_was_added_since_the_tick_before() -> None:
    told = Told()
    source = Own(told)
    told.families = [family("logins", "outcome", ok=3, bad_password=2, throttled=1)]
    assert await values(source) == {"logins": 3.0, "logins_refused": 3.0}

    told.families = [family("logins", "outcome", ok=4, bad_password=2, throttled=1)]
    assert await values(source) == {"logins": 1.0, "logins_refused": 0.0}


async def test_what_no_reading_tells_is_left_out() -> None:
    assert await values(Own(Told())) == {}


def requests(**by_status: Histogram) -> Family:
    return Family(
        name=DURATIONS,
        kind="histogram",
        description="",
        labels=("status",),
        values={(status[1:],): value for status, value in by_status.items()},
    )


async def test_requests_and_how_long_they_took_are_those_of_the_tick() -> None:
    told = Told()
    source = Own(told)
    told.families = [requests(_200=histogram(50, 100, count=100))]
    found = await values(source)
    assert (found["requests"], found["request_errors"]) == (100.0, 0.0)
    assert (round(found["request_seconds_p50"], 6), found["request_seconds_p99"]) == (0.1, 0.982)

    told.families = [
        requests(_200=histogram(50, 100, count=100), _503=histogram(10, 10, count=10)),
    ]
    found = await values(source)
    assert (found["requests"], found["request_errors"]) == (10.0, 10.0)
    assert round(found["request_seconds_p50"], 6) == 0.05


async def test_a_tick_without_requests_has_no_durations() -> None:
    told = Told()
    source = Own(told)
    told.families = [requests(_200=histogram(1, 1, count=1))]
    await values(source)

    assert await values(source) == {"requests": 0.0, "request_errors": 0.0}


async def test_what_is_slower_than_the_last_bound_is_told_as_that() -> None:
    told = Told()
    told.families = [requests(_200=histogram(0, 0, count=5))]

    assert (await values(Own(told)))["request_seconds_p99"] == 1.0


async def test_types_of_a_process_are_counters_that_add_up_but_for_durations() -> None:
    kinds = {kind.name: kind.kind for kind in Own(Told()).types}
    gauges = {name for name, kind in kinds.items() if kind is MetricKind.GAUGE}
    assert gauges == {"request_seconds_p50", "request_seconds_p99"}
