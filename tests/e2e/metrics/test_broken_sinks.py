"""Sinks that hang, raise and are slow, in a server that has something else to do."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from agentbox.core.metrics.outlets import WAITING
from agentbox.core.metrics.ticks import floor
from tests.backend import database_in
from tests.e2e.metrics.asking import ask, unchanged
from tests.e2e.people import People, Template
from tests.live import Live, live_server
from tests.scale import scaled

MODULE = "agentbox_broken_sinks"
SOURCE = """
import asyncio
import errno
from contextlib import asynccontextmanager

from agentbox.plugin import MetricSink, MetricSinkType, hookimpl

AGENTBOX_API = 1
got = []


class Hanging(MetricSink):
    async def deliver(self, batch, types):
        await asyncio.sleep(3600)


class Full(MetricSink):
    async def deliver(self, batch, types):
        raise OSError(errno.ENOSPC, "No space left on device")


class Slow(MetricSink):
    async def deliver(self, batch, types):
        await asyncio.sleep(0.25)


class Good(MetricSink):
    async def deliver(self, batch, types):
        got.append(batch)


def opening(sink):
    @asynccontextmanager
    async def open(services):
        yield sink()

    return open


@hookimpl
def agentbox_metric_sink_types():
    kinds = {"hanging": Hanging, "full": Full, "slow": Slow, "good": Good}
    return [MetricSinkType(name=name, open=opening(sink)) for name, sink in kinds.items()]
"""

BATCHES = 60
STEP = timedelta(seconds=30)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A plugin with those sinks, installed."""
    site = tmp_path / "site"
    about = site / "agentbox_broken_sinks-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: agentbox-broken-sinks\nVersion: 1\n"
    )
    (about / "entry_points.txt").write_text(f"[agentbox]\nbroken = {MODULE}\n")
    (site / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(site))
    yield "broken"
    sys.modules.pop(MODULE, None)


@pytest.fixture
async def live(template: Template, tmp_path: Path, broken: str) -> AsyncIterator[Live]:
    folder = tmp_path / "server"
    folder.mkdir()
    template.copy_to(folder)
    enabled = f"{database_in(folder).name},password,jwt,apikey,{broken}"
    async with live_server(folder, environ={"AGENTBOX_PLUGINS__ENABLED": enabled}) as server:
        yield server


def received() -> ModuleType:
    return sys.modules[MODULE]


async def collect(live: Live, batches: int = BATCHES) -> None:
    """So many ticks, one right after the other."""
    at = floor(live.runtime.clock.now(), STEP)
    for number in range(batches):
        await live.runtime.pipeline.collect(at + number * STEP)
        await asyncio.sleep(0.02)


# PL-06
async def test_broken_sinks_slow_no_request(live: Live, people: People) -> None:
    caller = people.user.caller
    await ask(caller, 50)
    quiet = await ask(caller, scaled(200))
    collecting = asyncio.create_task(collect(live))
    busy: list[float] = []
    while not collecting.done():
        busy += await ask(caller, 10)
    await collecting
    login = time.perf_counter()
    assert (await live.sign_in("admin", "walnut-ember-quarry-71")).headers
    login = time.perf_counter() - login

    assert unchanged(busy, quiet)
    assert login < 5


# PL-06
async def test_broken_sinks_lose_batches_which_are_counted_and_others_lose_none(
    live: Live,
) -> None:
    await collect(live)
    counters = live.runtime.counters
    deadline = time.monotonic() + 20
    while len(received().got) < BATCHES or counters.value("sinks.full.failed") < 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)

    ours = [batch for batch in received().got if not batch.of_process]
    assert len({batch.at for batch in ours}) >= BATCHES
    # One is on its way for ever, so many wait, and the rest was dropped.
    assert counters.value("sinks.hanging.dropped") >= BATCHES - WAITING - 1
    assert counters.value("sinks.full.failed") == 3
    assert counters.value("sinks.full.left_alone") == 1
    assert counters.value("sinks.full.dropped") >= BATCHES - WAITING - 3
    assert counters.value("sinks.slow.dropped") > 0
    assert counters.value("sinks.good.dropped") == counters.value("sinks.good.failed") == 0
    assert counters.value("sinks.database.failed") == 0


async def test_a_server_stops_within_seconds_though_sinks_hang(
    template: Template, tmp_path: Path, broken: str
) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    template.copy_to(folder)
    enabled = f"{database_in(folder).name},password,jwt,apikey,{broken}"
    async with live_server(folder, environ={"AGENTBOX_PLUGINS__ENABLED": enabled}) as live:
        await collect(live, 5)
        began = time.monotonic()

    assert time.monotonic() - began < 8
