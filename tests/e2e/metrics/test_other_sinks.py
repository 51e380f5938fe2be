"""The sinks `log`, `statsd` and `otlp` in a server: samples arrive, and what fails costs nobody."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agentbox.core.metrics.outlets import WAITING
from agentbox.core.metrics.ticks import floor
from agentbox.errors import StartError
from tests.backend import database_in
from tests.e2e.people import Template
from tests.live import Live, live_server
from tests.openid.answers import body, silent
from tests.openid.fake_provider import Answerer
from tests.plugins.sinks.receiving import (
    OtlpReceiver,
    StatsdListener,
    otlp_receiver,
    statsd_listener,
)

STEP = timedelta(seconds=30)
BATCHES = WAITING + 10

SETTINGS = """
[metrics]
collection_interval = "1h"

[plugins]
enabled = ["{database}", "password", "jwt", "apikey", "log", "statsd", "otlp"]

[plugins.statsd]
port = {statsd}
dialect = "dogstatsd"
tags = {{ env = "test" }}

[plugins.otlp]
endpoint = "http://127.0.0.1:{otlp}"
headers = {{ Authorization = "Bearer canary-of-otlp" }}
resource = {{ "deployment.environment.name" = "test" }}
"""


@pytest.fixture
async def listener() -> AsyncIterator[StatsdListener]:
    async with statsd_listener() as listening:
        yield listening


@pytest.fixture
async def receiver() -> AsyncIterator[OtlpReceiver]:
    async with otlp_receiver() as listening:
        yield listening


@asynccontextmanager
async def server(template: Template, folder: Path, statsd: int, otlp: int) -> AsyncIterator[Live]:
    """One whose sinks lead to these ports, and which measures when it is told."""
    template.copy_to(folder)
    settings = folder / "agentbox.toml"
    name = database_in(folder).name
    settings.write_text(SETTINGS.format(database=name, statsd=statsd, otlp=otlp))
    async with live_server(folder, config=settings) as live:
        yield live


async def collect(live: Live, batches: int = 1) -> None:
    """So many ticks, one right after the other."""
    at = floor(live.runtime.clock.now(), STEP)
    for number in range(batches):
        await live.runtime.pipeline.collect(at + number * STEP)


async def until_counted(live: Live, counter: str, count: int) -> None:
    await until(lambda: live.runtime.counters.value(counter) >= count)


async def until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not there():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def _is_of_box(line: Mapping[str, Any]) -> bool:
    return line["event"] == "metrics" and line["values"].get("running_sandboxes") == 1


async def test_what_is_measured_arrives_everywhere(
    template: Template, tmp_path: Path, listener: StatsdListener, receiver: OtlpReceiver
) -> None:
    async with server(template, tmp_path, listener.port, receiver.port) as live:
        admin = await live.admin()
        made = await admin.post("/environments", {"name": "box", "status": "running"})
        with capture_logs() as lines:
            # The hour may have ended since the template was made: then the start measured, too.
            already = live.runtime.counters.snapshot()
            await collect(live)
            for sink in ("log", "statsd", "otlp", "database"):
                delivered = f"sinks.{sink}.delivered"
                await until_counted(live, delivered, already.get(delivered, 0) + 1)
            await until(lambda: any(_is_of_box(each) for each in lines))
        of_box = frozenset({"env:test", f"environment:{made.body['id']}"})
        await listener.until(
            lambda: any(each.tags == of_box and each.value == "1" for each in listener.lines)
        )
        counted = live.runtime.counters.snapshot()

    users = next(each for each in receiver.points() if each.metric.name == "agentbox.users")
    line = next(each for each in lines if _is_of_box(each))
    told = {(each.name, each.tags): each.value for each in listener.lines}
    assert users.point.as_double >= 1
    assert users.resource["deployment.environment.name"] == "test"
    assert receiver.headers[0]["authorization"] == "Bearer canary-of-otlp"
    assert line["values"]["users"] == users.point.as_double
    assert told["agentbox.users", frozenset({"env:test"})] == f"{users.point.as_double:.0f}"
    assert told["agentbox.running_sandboxes", of_box] == "1"
    assert not [name for name in counted if name.endswith((".failed", ".dropped"))]


HOSTILE = [body(b"<h1>no</h1>", Content_Type="text/html"), body(b"{"), body(b"no", 400)]


# PL-06
@pytest.mark.parametrize("answer", HOSTILE, ids=["html", "malformed", "refused"])
async def test_a_collector_that_takes_nothing_is_left_alone_and_others_get_everything(
    template: Template,
    tmp_path: Path,
    listener: StatsdListener,
    receiver: OtlpReceiver,
    answer: Answerer,
) -> None:
    receiver.answer = answer
    async with server(template, tmp_path, listener.port, receiver.port) as live:
        for number in range(1, BATCHES + 1):
            await collect(live)
            await until_counted(live, "sinks.database.delivered", number)
            await until_counted(live, "sinks.statsd.delivered", number)
        await until_counted(live, "sinks.otlp.left_alone", 1)
        counted = live.runtime.counters.snapshot()

    assert counted["sinks.otlp.failed"] == 3
    assert counted.get("sinks.otlp.delivered", 0) == 0
    assert not [name for name in counted if name.endswith(".failed") and ".otlp." not in name]


# PL-06
async def test_a_collector_that_hangs_and_a_statsd_that_is_not_there_lose_batches_alone(
    template: Template, tmp_path: Path, receiver: OtlpReceiver
) -> None:
    receiver.answer = silent
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with server(template, tmp_path, port, receiver.port) as live:
        caller = await live.admin()
        for number in range(1, BATCHES + 1):
            await collect(live)
            assert (await caller.get("/auth/me")).status == 200
            await until_counted(live, "sinks.database.delivered", number)
        await until_counted(live, "sinks.log.delivered", BATCHES)
        assert receiver.requests != []
        counted = live.runtime.counters.snapshot()
        began = time.monotonic()

    # One is on its way, so many wait, and the rest was dropped.
    assert counted["sinks.otlp.dropped"] >= BATCHES - WAITING - 1
    assert counted.get("sinks.otlp.delivered", 0) == 0
    assert "sinks.log.dropped" not in counted
    assert "sinks.database.dropped" not in counted
    assert time.monotonic() - began < 8


# OP-07
async def test_a_collector_on_another_machine_wants_https(
    template: Template, tmp_path: Path
) -> None:
    settings = tmp_path / "agentbox.toml"
    template.copy_to(tmp_path)
    name = database_in(tmp_path).name
    text = SETTINGS.format(database=name, statsd=8125, otlp=4318)
    settings.write_text(text.replace("127.0.0.1", "collector.example"))

    with pytest.raises(StartError, match=r"plugins\.otlp.*endpoint is plain http"):
        async with live_server(tmp_path, config=settings):
            pass
