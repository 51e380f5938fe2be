"""What is measured of environments, and of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from agentbox.core.host_services import HostServices
from agentbox.model.environments import Environment, EnvironmentReport, EnvironmentStatus
from agentbox.model.metrics import Sample
from agentbox.plugin import Storage
from agentbox_metrics.reports import MEBIBYTE, Reports
from tests.plugins.rows import add_user
from tests.plugins.stand_in import START

SECOND = timedelta(seconds=1)


@pytest.fixture
async def owner(storage: Storage) -> str:
    await add_user(storage)
    return "u1"


async def add(storage: Storage, id_: str, report: EnvironmentReport | None, **fields: Any) -> None:
    values: dict[str, Any] = {
        "id": id_,
        "user_id": "u1",
        "name": id_,
        "status": EnvironmentStatus.RUNNING,
        "created_at": START - timedelta(hours=1),
    }
    async with storage.transaction() as tx:
        await tx.environments.add(Environment(**(values | fields)))
        if report is not None:
            await tx.reports.put(report)


def said(id_: str, ago: float = 10.0, **fields: Any) -> EnvironmentReport:
    reported_at = START - timedelta(seconds=ago)
    return EnvironmentReport(environment_id=id_, reported_at=reported_at, **fields)


async def measured(services: HostServices) -> Sequence[Sample]:
    return await Reports(services).collect(START)


def of(samples: Sequence[Sample], environment_id: str | None) -> dict[str, float]:
    return {each.type: each.value for each in samples if each.environment_id == environment_id}


async def test_what_an_environment_reported_is_measured(
    services: HostServices, storage: Storage, owner: str
) -> None:
    report = said("a", cpu_millicores=250.5, memory_bytes=512 * MEBIBYTE, sandboxes=3)
    started = START - timedelta(hours=1) + 4 * SECOND
    await add(storage, "a", report, started_at=started)

    assert of(await measured(services), "a") == {
        "running_sandboxes": 3.0,
        "cpu_usage": 250.5,
        "memory_usage": 512.0,
        "start_time": 4.0,
    }


async def test_one_that_runs_and_never_said_anything_is_one_sandbox(
    services: HostServices, storage: Storage, owner: str
) -> None:
    await add(storage, "a", None)

    assert of(await measured(services), "a") == {"running_sandboxes": 1.0}


async def test_one_that_was_started_again_has_nothing_of_its_run_before(
    services: HostServices, storage: Storage, owner: str
) -> None:
    old = said("a", cpu_millicores=250.5, memory_bytes=MEBIBYTE, sandboxes=3)
    await add(storage, "a", old, started_at=START - 9 * SECOND)

    samples = of(await measured(services), "a")
    assert samples.pop("start_time") > 0.0
    assert samples == {"running_sandboxes": 1.0}


async def test_what_it_left_out_is_not_measured(
    services: HostServices, storage: Storage, owner: str
) -> None:
    await add(storage, "a", said("a", sandboxes=0))
    await add(storage, "b", said("b", cpu_millicores=0.0))

    samples = await measured(services)
    assert of(samples, "a") == {"running_sandboxes": 0.0}
    assert of(samples, "b") == {"running_sandboxes": 1.0, "cpu_usage": 0.0}


@pytest.mark.parametrize(
    "status",
    [EnvironmentStatus.PENDING, EnvironmentStatus.TERMINATED, EnvironmentStatus.FAILED],
)
async def test_one_that_does_not_run_is_not_measured(
    status: EnvironmentStatus, services: HostServices, storage: Storage, owner: str
) -> None:
    await add(storage, "a", said("a", cpu_millicores=100.0, sandboxes=5), status=status)

    samples = await measured(services)
    assert of(samples, "a") == {}
    assert of(samples, None)["running_sandboxes"] == 0.0


async def test_one_that_fell_silent_counts_as_not_running(
    services: HostServices, storage: Storage, owner: str
) -> None:
    await add(storage, "fresh", said("fresh", ago=120.0, sandboxes=1))
    await add(storage, "stale", said("stale", ago=120.1, sandboxes=1))

    samples = await measured(services)
    assert of(samples, "stale") == {}
    assert of(samples, None)["running_sandboxes"] == 1.0


async def test_of_all_there_are_sums_and_the_average_start(
    services: HostServices, storage: Storage, owner: str
) -> None:
    created = START - timedelta(hours=1)
    one = said("a", cpu_millicores=100.0, memory_bytes=MEBIBYTE, sandboxes=2)
    two = said("b", cpu_millicores=50.5, memory_bytes=2 * MEBIBYTE)
    await add(storage, "a", one, started_at=created + 3 * SECOND)
    await add(storage, "b", two, started_at=created + 6 * SECOND)
    await add(storage, "c", None)

    assert of(await measured(services), None) == {
        "running_sandboxes": 4.0,
        "cpu_usage": 150.5,
        "memory_usage": 3.0,
        "start_time": 4.5,
    }


async def test_where_nothing_runs_the_sums_are_0_and_there_is_no_average(
    services: HostServices, storage: Storage
) -> None:
    assert await measured(services) == [
        Sample("running_sandboxes", 0.0),
        Sample("cpu_usage", 0.0),
        Sample("memory_usage", 0.0),
    ]


async def test_one_that_started_before_it_was_registered_took_no_time(
    services: HostServices, storage: Storage, owner: str
) -> None:
    await add(storage, "a", None, started_at=START - timedelta(hours=2))

    assert of(await measured(services), "a")["start_time"] == 0.0


@pytest.mark.parametrize(("hours", "seconds"), [(24.0, 86_400.0), (24.001, None)])
async def test_one_that_began_days_after_its_registration_was_started_again(
    hours: float, seconds: float | None, services: HostServices, storage: Storage, owner: str
) -> None:
    """When it was first started is not kept, and so how long that took is not known."""
    created_at = START - timedelta(hours=hours)
    await add(storage, "a", None, created_at=created_at, started_at=START)

    samples = await measured(services)
    assert of(samples, "a").get("start_time") == seconds
    assert of(samples, None).get("start_time") == seconds
