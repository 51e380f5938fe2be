"""A server as it is started, with its own event loop and log, and its sinks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend import database_in
from tests.e2e.people import Template
from tests.openid.answers import of_json
from tests.plugins.sinks.receiving import otlp_receiver, statsd_listener
from tests.process import STRONG_PASSWORD, ServerProcess, environment, serving

CANARY = "canary-of-otlp-4711"


@pytest.fixture
def folder(template: Template, tmp_path: Path) -> Path:
    template.copy_to(tmp_path)
    return tmp_path


def settings(folder: Path, statsd: int, otlp: str) -> dict[str, str]:
    name = database_in(folder).name
    return environment(
        AGENTBOX_ADMIN_PASSWORD=STRONG_PASSWORD,
        AGENTBOX_METRICS_COLLECTION_INTERVAL="5s",
        AGENTBOX_PLUGINS__ENABLED=f"{name},password,jwt,apikey,log,statsd,otlp",
        AGENTBOX_PLUGINS__STATSD__PORT=str(statsd),
        AGENTBOX_PLUGINS__OTLP__ENDPOINT=otlp,
        AGENTBOX_PLUGINS__OTLP__HEADERS__AUTHORIZATION=f"Bearer {CANARY}",
    )


def lines(server: ServerProcess) -> Iterator[dict[str, object]]:
    return (json.loads(line) for line in list(server.lines) if line.startswith("{"))


async def test_samples_of_a_tick_leave_by_every_way(folder: Path) -> None:
    async with statsd_listener() as listener, otlp_receiver() as receiver:
        with serving(folder, env=settings(folder, listener.port, receiver.url)) as server:
            await listener.until(
                lambda: any(line.name.endswith("users") for line in listener.lines)
            )
            await receiver.until(
                lambda: any(each.metric.name.endswith("users") for each in receiver.points())
            )
            await receiver.until(
                lambda: any(each.metric.name.endswith("memory") for each in receiver.points())
            )
            await asyncio.to_thread(server.wait_for, '"of":"all"')

    (of_all, *_) = (each for each in lines(server) if each.get("of") == "all")
    assert of_all["event"] == "metrics"
    values = of_all["values"]
    assert isinstance(values, dict)
    told = {each.metric.name: each.point.as_double for each in receiver.points()}
    assert values["users"] == told["agentbox.users"]
    assert receiver.headers[0]["authorization"] == f"Bearer {CANARY}"
    assert CANARY not in "".join(server.lines)


# OB-01
async def test_what_a_collector_is_told_in_headers_is_not_in_the_log_when_it_refuses(
    folder: Path,
) -> None:
    async with statsd_listener() as listener, otlp_receiver() as receiver:
        receiver.answer = of_json({"message": "no such token\nlevel=error"}, 401)
        with serving(folder, env=settings(folder, listener.port, receiver.url)) as server:
            refused = await asyncio.to_thread(server.wait_for, "otlp_refused")
            failed = await asyncio.to_thread(server.wait_for, "metric_sink_failed")

    assert json.loads(refused)["message"] == "no such token\nlevel=error"
    assert json.loads(failed)["sink"] == "otlp"
    assert CANARY not in "".join(server.lines)
