"""`GET /metrics`: who reads it, what stands there, and what no client adds to it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from agentbox.model.metrics import Batch, Sample
from agentbox.model.times import EPOCH
from tests.e2e.metrics.page import SHOWING, scrape
from tests.e2e.people import People, Template
from tests.live import Caller, Live, ShiftedClock, live_server
from tests.scale import scaled


@pytest.fixture
async def live(template: Template, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Live]:
    """A server that shows its page, on a copy of the template."""
    template.copy_to(tmp_path)
    async with live_server(tmp_path, clock=clock, environ=SHOWING) as server:
        yield server


async def test_the_page_is_for_those_with_the_scope_system_read(  # OB-05
    live: Live, people: People
) -> None:
    key, _ = await live.make_key(people.super_admin.caller, name="p", scopes=["system:read"])
    other, _ = await live.make_key(people.super_admin.caller, name="q", scopes=["users:read"])
    callers = {
        "anonymous": live.anonymous,
        "viewer": people.viewer.caller,
        "user": people.user.caller,
        "admin": people.admin.caller,
        "key": live.with_key(key),
        "key as bearer": live.with_token(key),
        "other key": live.with_key(other),
    }
    statuses = {
        name: (await caller.raw("GET", "/metrics")).status for name, caller in callers.items()
    }

    assert statuses == {
        "anonymous": 401,
        "viewer": 403,
        "user": 403,
        "admin": 200,
        "key": 200,
        "key as bearer": 200,
        "other key": 403,
    }


async def test_without_the_plugin_there_is_no_page(  # OB-05
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path) as live:
        answer = await People(live, template).super_admin.caller.raw("GET", "/metrics")

    assert answer.status == 404


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
        ("application/openmetrics-text;q=0.5,text/plain", "text/plain"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text",
        ),
        ("application/openmetrics-text;q=nonsense", "text/plain"),
    ],
)
async def test_the_form_is_the_one_that_is_asked_for(
    live: Live, people: People, accept: str, kind: str
) -> None:
    answer = await people.super_admin.caller.raw("GET", "/metrics", headers={"Accept": accept})

    assert answer.headers["Content-Type"].partition(";")[0] == kind
    assert answer.text.endswith("# EOF\n") == (kind != "text/plain")


async def test_samples_stand_there_in_base_units_until_they_are_old(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    reader = people.super_admin.caller
    made = await people.user.caller.post("/environments", {"name": "e", "status": "running"})
    assert made.status == 201, made.text
    clock.advance(60)  # to be sure of a tick to come, whatever there was
    await live.runtime.pipeline.collect(clock.now())
    async with asyncio.timeout(30):
        while (told := await scrape(reader)).get("agentbox_running_sandboxes") != 1:
            await asyncio.sleep(0.05)
    clock.advance(16)

    assert told["agentbox_users"] >= 9
    assert not [series for series in told if "environment=" in series]
    later = await scrape(reader)
    assert "agentbox_running_sandboxes" not in later or later["agentbox_running_sandboxes"] == 1


def hostile(draw: random.Random) -> str:
    """Letters of which some mean something to labels, to paths and to lines."""
    letters = "abcXYZ019-_.~!$&'()*+,;=:@\"{}\\`|^ %é漢"
    return "".join(draw.choice(letters) for _ in range(draw.randrange(1, 24)))


async def ask_strangely(live: Live, draw: random.Random) -> int:
    """One request of which everything is made up; its status."""
    method = "".join(draw.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(draw.randrange(1, 9)))
    path = draw.choice(("/", "/api/v1/", "/api/v1/users/", "/metrics/")) + hostile(draw)
    headers = {
        "User-Agent": hostile(draw).encode("ascii", "ignore").decode() or "x",
        "Authorization": f"Bearer {draw.randbytes(9).hex()}",
    }
    if draw.random() < 0.5:
        headers["Host"] = f"{draw.randbytes(6).hex()}.example"
    answer = await live.anonymous.raw(
        draw.choice((method, "GET", "POST", "HEAD")),
        URL(live.url + path.replace("%", "%25")),
        headers=headers,
    )
    body = {"username": hostile(draw), "password": "not-the-one-7421"}
    await live.anonymous.post("/auth/login", body)
    return answer.status


def of_clients(told: dict[str, float]) -> set[str]:
    """Series that requests could have made: all but those of jobs, sinks and samples, which come as
    these run."""
    ours = ("agentbox_job_", "agentbox_metric_", "agentbox_queue_")
    requests = ("agentbox_http_", "agentbox_cred", "agentbox_logins", "agentbox_throttled")
    more = ("agentbox_plugin_", "agentbox_refresh", "agentbox_event", "agentbox_pool")
    return {
        series
        for series in told
        if series.startswith((*requests, *more)) and not series.startswith(ours)
    }


async def test_ten_thousand_strange_requests_add_no_series(  # OB-03
    live: Live, people: People
) -> None:
    draw = random.Random(7)
    reader: Caller = people.super_admin.caller
    for _ in range(20):  # whatever these are counted by is there from now on
        await ask_strangely(live, draw)
    before = await scrape(reader)
    statuses = {await ask_strangely(live, draw) for _ in range(scaled(2000))}
    after = await scrape(reader)

    assert of_clients(after) == of_clients(before)
    assert statuses <= {400, 401, 403, 404, 405}
    counted = sum(v for s, v in after.items() if s.startswith("agentbox_http_requests_total"))
    assert counted >= scaled(4000)


async def test_per_environment_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:  # OB-03
    from agentbox.model.metrics import MetricType
    from agentbox_prometheus.samples import Samples

    kind = MetricType(name="cpu_usage", unit="millicores", description="d", per_environment=True)
    samples = (Sample("cpu_usage", 1500.0), Sample("cpu_usage", 500.0, "e1"))
    batch = Batch(at=EPOCH, samples=samples)
    told = {}
    for per_environment in (False, True):
        taken = Samples(per_environment=per_environment)
        taken.take(batch, {"cpu_usage": kind})
        told[per_environment] = {f.name: dict(f.values) for f in taken.families()}

    assert told[False] == {"cpu_usage_cores": {(): 1.5}}
    assert told[True] == {
        "cpu_usage_cores": {(): 1.5},
        "environment_cpu_usage_cores": {("e1",): 0.5},
    }
