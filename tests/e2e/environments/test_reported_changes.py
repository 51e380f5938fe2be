"""Reports that change something, that come at once, or for what is deleted meanwhile."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from agentbox.plugin.storage import Change
from tests.e2e.environments.reporting import ALL, instant, kept, reports_of, trail
from tests.e2e.environments.sandbox import path_of, register
from tests.e2e.people import People
from tests.live import Live, ShiftedClock


async def test_a_report_that_changes_nothing_leaves_no_trace_but_itself(
    live: Live, people: People
) -> None:
    environment = await register(people.user, status="running")
    told: list[Change] = []
    live.runtime.storage.on_change(told.append)

    for _ in range(3):
        assert (await people.user.caller.post(reports_of(environment), ALL)).status == 204

    assert (await people.user.caller.get(path_of(environment))).body == environment
    assert await trail(live, environment) == []
    assert told == []


async def test_a_status_brings_its_times_as_a_change_does(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    environment = await register(people.user)
    times = []
    for status in ("running", "running", "terminated", "running", "pending"):
        clock.advance(60)
        answer = await people.user.caller.post(reports_of(environment), {"status": status})
        assert answer.status == 204
        body = (await people.user.caller.get(path_of(environment))).body
        assert body["status"] == status
        times.append((body.get("started_at"), body.get("terminated_at")))

    first, still, over, again, waiting = times
    assert first[0] is not None
    assert first[1] is None
    assert still == first
    assert (over[0], again[1]) == (first[0], None)
    assert over[1] > first[0]
    assert again[0] > over[1]
    assert waiting == (None, None)


async def test_another_status_is_one_change_in_the_trail(  # OB-04
    live: Live, people: People
) -> None:
    environment = await register(people.user)
    entries = [{"environment_id": environment["id"], "permission": "editor"}]
    text, key = await live.make_key(people.user.caller, permissions=entries)

    for _ in range(2):
        assert (await live.with_key(text).post(reports_of(environment), ALL)).status == 204

    (row,) = await trail(live, environment)
    assert (row.event, row.actor) == ("environment.update", f"api_key:{key['id']}")
    assert dict(row.details) == {"status": "running", "status_before": "pending"}


async def test_a_start_is_taken_as_it_is_said_and_once(live: Live, people: People) -> None:
    environment = await register(people.user)
    made = datetime.fromisoformat(environment["created_at"])
    start = made + timedelta(seconds=4.25)

    async def said(seconds: float, **more: Any) -> Any:
        body = {"started_at": instant(start + timedelta(seconds=seconds)), **more}
        answer = await people.user.caller.post(reports_of(environment), body)
        assert answer.status == 204, answer.text
        text = (await people.user.caller.get(path_of(environment))).body["started_at"]
        return (datetime.fromisoformat(text) - start).total_seconds()

    assert await said(0, status="running") == 0
    # Many work it out anew from how long they have been up.
    assert [await said(0), await said(0.9), await said(-0.9, status="running")] == [0, 0, 0]
    assert len(await trail(live, environment)) == 1
    assert await said(1) == 1
    assert dict((await trail(live, environment))[-1].details) == {"started_at": "changed"}
    assert len(await trail(live, environment)) == 2


@pytest.mark.parametrize(
    ("of", "seconds", "status"),
    [
        ("registered", -59, 204),
        ("registered", -61, 422),
        ("now", 55, 204),
        ("now", 65, 422),
    ],
)
async def test_a_start_is_no_earlier_than_the_registration_and_no_later_than_now(
    live: Live, people: People, clock: ShiftedClock, of: str, seconds: int, status: int
) -> None:
    environment = await register(people.user, status="running")
    clock.advance(600)
    since = {
        "registered": datetime.fromisoformat(environment["created_at"]),
        "now": live.runtime.clock.now(),
    }[of]
    body = {"started_at": instant(since + timedelta(seconds=seconds))}

    answer = await people.user.caller.post(reports_of(environment), body)

    assert answer.status == status, answer.text
    if status == 422:
        assert [fault["pointer"] for fault in answer.body["errors"]] == ["/started_at"]
        assert await kept(live, environment) is None


async def test_what_waits_has_not_started(people: People) -> None:
    waiting, running = await register(people.user), await register(people.user, status="running")
    start = {"started_at": waiting["created_at"]}

    for environment, body in (
        (waiting, start),
        (waiting, {"status": "pending", **start}),
        (running, {"status": "pending", **start}),
    ):
        answer = await people.user.caller.post(reports_of(environment), body)
        assert (answer.status, answer.error) == (422, "validation_failed")
        assert (await people.user.caller.get(path_of(environment))).body == environment


@pytest.mark.parametrize("more", [{}, {"status": "terminated"}, {"status": "failed"}])
async def test_a_run_that_is_over_has_not_started_later(
    live: Live, people: People, clock: ShiftedClock, more: dict[str, str]
) -> None:
    ended = more.get("status", "terminated")
    environment = await register(people.user, status="running")
    clock.advance(60)
    over = {"status": ended}
    assert (await people.user.caller.post(reports_of(environment), over)).status == 204
    terminated = (await people.user.caller.get(path_of(environment))).body
    clock.advance(600)

    async def said(since: str, seconds: float, **status: str) -> Any:
        at = datetime.fromisoformat(terminated[since]) + timedelta(seconds=seconds)
        body = {"started_at": instant(at), **status}
        return await people.user.caller.post(reports_of(environment), body)

    for seconds in (61, 600):
        answer = await said("terminated_at", seconds, **more)
        assert (answer.status, answer.error) == (422, "validation_failed")
        assert [fault["pointer"] for fault in answer.body["errors"]] == ["/started_at"]
    assert (await people.user.caller.get(path_of(environment))).body == terminated

    # A clock may be ahead of ours; and what is said again is no change.
    for _ in range(2):
        assert (await said("terminated_at", 59, **more)).status == 204
    body = (await people.user.caller.get(path_of(environment))).body
    assert body["started_at"] == body["terminated_at"] == terminated["terminated_at"]
    assert len(await trail(live, environment)) == 2
    assert (await said("terminated_at", 500, status="running")).status == 204


@pytest.mark.parametrize("before", ["running", "pending"])
async def test_a_start_by_a_clock_that_is_ahead_is_no_later_than_the_end(
    live: Live, people: People, before: str
) -> None:
    environment = await register(people.user, status=before)
    ahead = {"started_at": instant(live.runtime.clock.now() + timedelta(seconds=50))}
    if before == "running":
        assert (await people.user.caller.post(reports_of(environment), ahead)).status == 204
        ahead = {}
    body = {"status": "failed", **ahead}
    assert (await people.user.caller.post(reports_of(environment), body)).status == 204

    body = (await people.user.caller.get(path_of(environment))).body
    assert body["started_at"] == body["terminated_at"]


async def test_many_report_at_once_and_the_status_changes_once(live: Live, people: People) -> None:
    environment = await register(people.user)
    bodies = [{"status": "running", "sandboxes": number} for number in range(40)]

    answers = await asyncio.gather(
        *(people.user.caller.post(reports_of(environment), body) for body in bodies)
    )

    assert {answer.status for answer in answers} == {204}
    assert len(await trail(live, environment)) == 1
    report = await kept(live, environment)
    assert report is not None
    assert report.sandboxes in range(40)


async def test_reports_of_many_environments_at_once_are_kept_apart(
    live: Live, people: People
) -> None:
    environments = [await register(people.user, f"box {number}") for number in range(30)]

    answers = await asyncio.gather(
        *(
            people.user.caller.post(reports_of(each), {"sandboxes": number})
            for number, each in enumerate(environments)
        ),
        people.user.caller.post("/environments/nobody/report", {}),
    )

    assert [answer.status for answer in answers] == [204] * 30 + [404]
    reports = [await kept(live, each) for each in environments]
    assert [report and report.sandboxes for report in reports] == list(range(30))


async def test_one_that_is_deleted_meanwhile_is_not_there_and_harms_no_other(
    live: Live, people: People
) -> None:
    staying = await register(people.user, "staying")
    for number in range(15):
        leaving = await register(people.user, f"leaving {number}")
        *answers, deleted = await asyncio.gather(
            *(
                people.user.caller.post(reports_of(each), body)
                for each in (leaving, staying)
                for body in ({}, {"sandboxes": number}, {"status": "running"})
            ),
            people.user.caller.delete(path_of(leaving)),
        )

        assert deleted.status == 204
        assert {answer.status for answer in answers[:3]} <= {204, 404}
        assert {answer.status for answer in answers[3:]} == {204}
        assert await kept(live, leaving) is None
        report = await kept(live, staying)
        assert report is not None
        assert report.sandboxes == number
