"""What operators are woken by is counted, and seen on the page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentbox.core.audit.refusals import MOST_WAITING
from agentbox.errors import AuthenticatorUnavailable
from agentbox.model.principal import Origin
from tests.e2e.metrics.page import SHOWING, scrape
from tests.e2e.people import People, Template
from tests.e2e.refresh.families import begin, go_on, refresh
from tests.live import Caller, Live, ShiftedClock, beside, live_server

NOBODY = Origin("192.0.2.1", None, "r")


@pytest.fixture
async def live(template: Template, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Live]:
    """A server that shows its page, on a copy of the template."""
    template.copy_to(tmp_path)
    async with live_server(tmp_path, clock=clock, environ=SHOWING) as server:
        yield server


@pytest.fixture
def reader(people: People) -> Caller:
    """Who may read the page."""
    return people.super_admin.caller


async def moved(reader: Caller, series: str, since: dict[str, float]) -> float:
    """Wait until a series has grown; by how much."""
    return await until(reader, lambda now: now.get(series, 0.0) - since.get(series, 0.0), series)


async def until(reader: Caller, told: Callable[[dict[str, float]], float], what: str) -> float:
    deadline = time.monotonic() + 30
    while not (found := told(await scrape(reader))):
        assert time.monotonic() < deadline, f"{what} did not move"
        await asyncio.sleep(0.05)
    return found


async def test_a_refresh_token_that_is_used_twice(  # OB-06
    live: Live, reader: Caller, people: People, clock: ShiftedClock
) -> None:
    before = await scrape(reader)
    first = await begin(live, people.user.username)
    await go_on(live, first.refresh)
    clock.advance(3600)
    assert (await refresh(live, first.refresh)).status == 401

    assert (await scrape(reader))["agentbox_refresh_reuse_total"] == 1
    assert before["agentbox_refresh_reuse_total"] == 0


async def test_sign_ins_by_outcome_and_guesses_that_are_throttled(  # OB-06
    live: Live, reader: Caller, people: People
) -> None:
    before = await scrape(reader)
    await begin(live, people.user.username)
    body = {"username": people.viewer.username, "password": "not-the-one-7421"}
    statuses = [(await live.anonymous.post("/auth/login", body)).status for _ in range(12)]
    after = await scrape(reader)

    def grown(series: str) -> float:
        return after[series] - before[series]

    assert {401, 429} == set(statuses)
    assert grown('agentbox_logins_total{outcome="ok"}') == 1
    assert grown('agentbox_logins_total{outcome="refused"}') == statuses.count(401)
    assert grown('agentbox_logins_total{outcome="throttled"}') == statuses.count(429)
    assert grown('agentbox_throttled_total{reason="guesses"}') == statuses.count(429)
    login = 'agentbox_http_requests_total{method="POST",route="/api/v1/auth/login",status="4xx"}'
    assert grown(login) == 12


async def test_credentials_that_are_refused_by_cause(  # OB-06
    live: Live, reader: Caller, people: People
) -> None:
    key, made = await live.make_key(people.user.caller, name="k", rate_limit="1/hour")
    assert (await live.with_key(key).get("/auth/me")).status == 200
    assert (await live.with_key(key).get("/auth/me")).status == 429
    assert (await people.user.caller.delete(f"/api-keys/{made['id']}")).status in {200, 204}
    for credential in (key, "nobody-claims-this", people.user.token[:-4] + "AAAA"):
        assert (await live.with_token(credential).get("/auth/me")).status == 401
    after = await scrape(reader)

    refused = {
        series.partition("{")[2]: value
        for series, value in after.items()
        if series.startswith("agentbox_credentials_refused_total") and value
    }
    assert refused['authenticator="",cause="rate"}'] == 1
    assert refused['authenticator="",cause="nobody_claims_it"}'] == 1
    assert refused['authenticator="jwt",cause="invalid"}'] == 1
    assert sum(refused.values()) == 4, refused
    assert after['agentbox_throttled_total{reason="api_key_rate"}'] == 1
    assert after['agentbox_credential_checks_total{kind="api_key"}'] >= 1


async def test_a_plugin_that_fails(live: Live, reader: Caller) -> None:  # OB-06
    async def broken() -> str:
        raise RuntimeError("as a plugin may")

    with pytest.raises(AuthenticatorUnavailable):
        await live.runtime.dispatcher.call("careless", broken, gives=str)

    assert (await scrape(reader))['agentbox_plugin_failures_total{plugin="careless"}'] == 1


async def test_a_queue_that_is_full(live: Live, reader: Caller) -> None:  # OB-06
    before = await scrape(reader)
    waiting = live.runtime.refusals.waiting
    for number in range(MOST_WAITING - waiting + 7):
        live.runtime.refusals.note("login.refuse", f"user:{number}", NOBODY, {"reason": "x"})
    dropped = 'agentbox_queue_dropped_total{queue="audit_refusals"}'

    assert await moved(reader, dropped, before) == 7


async def test_transactions_that_wait_for_the_database(  # OB-06
    live: Live, reader: Caller
) -> None:
    before = await scrape(reader)

    async def write() -> None:
        async with live.runtime.storage.transaction() as tx:
            await tx.markers.get("nothing")

    await asyncio.gather(*(write() for _ in range(40)))

    assert await moved(reader, "agentbox_pool_wait_seconds_count", before) > 0


async def test_a_job_that_another_process_had_and_how_it_ended(  # OB-06
    live: Live, reader: Caller, tmp_path: Path
) -> None:
    # SC-02, as far as metrics tell of jobs
    ran = 'agentbox_job_runs_total{job="collect-metrics",outcome="ok"}'
    await moved(reader, ran, {})
    await beside(tmp_path, "UPDATE jobs SET last_process = 'another'")
    now = await scrape(reader)

    of_job = '{job="collect-metrics"}'
    assert await moved(reader, f"agentbox_job_holder_changes_total{of_job}", {}) == 1
    assert await moved(reader, f"agentbox_job_duration_seconds_count{of_job}", now) > 0


async def test_a_clock_that_is_off(live: Live, reader: Caller) -> None:  # OB-06
    class Ahead:
        async def now(self) -> datetime:
            return datetime.fromtimestamp(time.time() + 90, UTC)

    there: Any = Ahead()
    before = await scrape(reader)
    await live.runtime.clock.synchronise(there)
    after = await scrape(reader)

    assert before["agentbox_clock_skew_seconds"] < 5
    assert 85 < after["agentbox_clock_skew_seconds"] < 95


async def test_a_server_that_drains(live: Live, reader: Caller) -> None:
    live.runtime.draining = True

    assert (await scrape(reader))["agentbox_processes_draining"] == 1
