"""An environment that has reported and then is silent: stale, and not counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentbox.model.metrics import Aggregate, Level, SeriesQuery
from agentbox.model.times import EPOCH
from tests.e2e.environments.sandbox import path_of, register, share
from tests.e2e.people import People, Template
from tests.live import Live, ShiftedClock, live_server

AFTER = 120


async def report(people: People, environment: dict[str, Any], **said: Any) -> None:
    answer = await people.user.caller.post(f"{path_of(environment)}/report", said)
    assert answer.status == 204, answer.text


async def is_stale(people: People, environment: dict[str, Any]) -> bool:
    body = (await people.user.caller.get(path_of(environment))).body
    assert body.get("stale") in {None, True}
    return "stale" in body


async def test_it_is_stale_after_a_while_and_no_more_with_its_next_report(
    people: People, clock: ShiftedClock
) -> None:
    environment = await register(people.user)
    await report(people, environment, status="running", sandboxes=2)
    clock.advance(AFTER - 10)
    assert not await is_stale(people, environment)

    clock.advance(11)
    assert await is_stale(people, environment)

    await report(people, environment)
    assert not await is_stale(people, environment)
    clock.advance(AFTER + 1)
    assert await is_stale(people, environment)


async def test_every_answer_about_it_says_so(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    silent = await register(people.user, "silent", status="running")
    fresh = await register(people.user, "fresh", status="running")
    await share(people.user, silent, people.other_user, "viewer")
    await report(people, silent)
    clock.advance(AFTER + 1)
    await report(people, fresh)

    patched = await people.user.caller.patch(path_of(silent), {"labels": {"a": "b"}})
    lists = [
        await people.user.caller.get("/environments"),
        await people.user.caller.get(f"/users/{people.user.id}/environments"),
        await people.super_admin.caller.get("/environments?limit=2"),
    ]

    assert patched.body["stale"] is True
    for answer in lists:
        said = {each["name"]: each.get("stale") for each in answer.body["environments"]}
        assert (said["silent"], said["fresh"]) == (True, None)
    (shared,) = (await people.other_user.caller.get("/environments")).body["environments"]
    assert shared["stale"] is True


async def test_its_status_stays_what_was_said(people: People, clock: ShiftedClock) -> None:
    environment = await register(people.user)
    await report(people, environment, status="running")
    clock.advance(AFTER + 1)

    for status, names in (("running", ["box"]), ("terminated", [])):
        found = (await people.user.caller.get(f"/environments?status={status}")).body
        assert [each["name"] for each in found["environments"]] == names
        assert [each["stale"] for each in found["environments"]] == [True] * len(names)


async def test_one_that_never_reported_is_not_stale(people: People, clock: ShiftedClock) -> None:
    environment = await register(people.user, status="running")

    clock.advance(10 * AFTER)

    assert not await is_stale(people, environment)


@pytest.mark.parametrize("status", ["pending", "terminated", "failed"])
async def test_one_that_does_not_run_may_be_silent(
    people: People, clock: ShiftedClock, status: str
) -> None:
    environment = await register(people.user, status="running")
    await report(people, environment, status=status)

    clock.advance(10 * AFTER)

    assert not await is_stale(people, environment)


async def test_one_that_is_started_again_has_a_while_to_report(
    people: People, clock: ShiftedClock
) -> None:
    environment = await register(people.user, status="running")
    await report(people, environment, status="terminated")
    clock.advance(10 * AFTER)

    patched = await people.user.caller.patch(path_of(environment), {"status": "running"})
    assert "stale" not in patched.body
    clock.advance(AFTER - 10)
    assert not await is_stale(people, environment)
    clock.advance(11)
    assert await is_stale(people, environment)


async def test_rights_do_not_depend_on_it(people: People, clock: ShiftedClock) -> None:
    environment = await register(people.user, status="running")
    await report(people, environment)
    clock.advance(AFTER + 1)

    question = {"environment_id": environment["id"], "permission": "owner"}
    answer = await people.user.caller.post("/authorize", question)

    assert answer.body == {"allowed": True, "reason": "ok"}


@pytest.fixture
async def hasty(template: Template, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Live]:
    template.copy_to(tmp_path)
    settings = {"AGENTBOX_ENVIRONMENTS__STALE_AFTER": "10s"}
    async with live_server(tmp_path, clock=clock, environ=settings) as server:
        yield server


async def test_how_long_is_a_setting(hasty: Live, template: Template, clock: ShiftedClock) -> None:
    people = People(hasty, template)
    environment = await register(people.user, status="running")
    await report(people, environment)

    clock.advance(11)

    assert await is_stale(people, environment)


async def test_while_it_is_stale_it_counts_as_not_running(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    environment = await register(people.user)
    seen = []
    for step in range(3):
        if step != 1:
            await report(people, environment, status="running", sandboxes=3 + step)
        seen.append(await running_sandboxes(live, environment["id"], step))
        clock.advance(AFTER + 1)

    assert seen == [3.0, None, 5.0]


async def running_sandboxes(live: Live, environment_id: str, step: int) -> float | None:
    """What a tick that is collected now measures of it."""
    at = live.runtime.clock.now().replace(microsecond=0) + timedelta(seconds=step)
    await live.runtime.pipeline.collect(at)
    deadline = time.monotonic() + 20
    while not await points(live, None, at):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    found = await points(live, environment_id, at)
    return found[0] if found else None


async def points(live: Live, environment_id: str | None, at: Any) -> list[float]:
    second = timedelta(seconds=1)
    query = SeriesQuery(
        type="running_sandboxes",
        environment_id=environment_id,
        start=at,
        end=at + second,
        step=second,
        level=Level.RAW,
        aggregate=Aggregate.LAST,
    )
    assert at > EPOCH
    async with live.runtime.storage.transaction(read_only=True) as tx:
        return [point.value for point in await tx.metrics.points(query)]
