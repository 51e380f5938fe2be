"""POST /environments/{id}/report: who may, what is taken, and what becomes of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentbox.model.environments import EnvironmentReport
from agentbox.plugin.storage import Change
from tests.e2e.environments.sandbox import path_of, register, share, shared
from tests.e2e.people import People
from tests.live import Caller, Live, ShiftedClock

ALL = {
    "status": "running",
    "cpu_millicores": 250.5,
    "memory_bytes": 3_221_225_473,
    "sandboxes": 2,
}


def reports_of(environment: dict[str, Any]) -> str:
    return f"{path_of(environment)}/report"


async def kept(live: Live, environment: dict[str, Any]) -> EnvironmentReport | None:
    """What was reported of it last."""
    async with live.runtime.storage.transaction(read_only=True) as tx:
        return (await tx.reports.get([environment["id"]])).get(environment["id"])


async def trail(live: Live, environment: dict[str, Any]) -> list[Any]:
    """The rows of the audit about it after its registration, oldest first."""
    target = f"environment:{environment['id']}"
    async with live.runtime.storage.transaction(read_only=True) as tx:
        rows = [*reversed(await tx.audit.last(1000))]
    return [row for row in rows if row.target == target and row.event != "environment.create"]


async def limited_key(live: Live, people: People, to: dict[str, Any], permission: str) -> Caller:
    """A key of the user's for one environment."""
    entries = [{"environment_id": to["id"], "permission": permission}]
    return live.with_key(await people.user.key(permissions=entries))


def instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("permission", "status"), [("viewer", 403), ("editor", 204), ("owner", 204)]
)
async def test_editors_and_owners_report(
    live: Live, people: People, permission: str, status: int
) -> None:
    environment = await shared(people.user, people.other_user, permission)

    answer = await people.other_user.caller.post(reports_of(environment), ALL)

    assert answer.status == status, answer.text
    assert answer.text == "" if status == 204 else answer.error == "insufficient_permission"
    assert (await kept(live, environment) is not None) == (status == 204)


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("viewer", 403, "insufficient_role"),
        ("other_user", 404, "not_found"),
        ("admin", 403, "insufficient_permission"),
        ("super_admin", 204, None),
    ],
)
async def test_a_role_alone_lets_a_super_admin_report_and_nobody_else(
    live: Live, people: People, who: str, status: int, code: str | None
) -> None:
    environment = await register(people.user)

    for body in ({}, {"status": "failed"}):
        answer = await people[who].caller.post(reports_of(environment), body)
        assert (answer.status, answer.error) == (status, code)

    assert (await kept(live, environment) is None) == (status != 204)


async def test_a_key_reports_for_the_environment_that_it_is_limited_to(
    live: Live, people: People
) -> None:
    mine, other = await register(people.user), await register(people.user)
    key = await limited_key(live, people, mine, "editor")
    looking = await limited_key(live, people, mine, "viewer")
    entries = [{"environment_id": mine["id"], "permission": "editor"}]
    reading = live.with_key(
        await people.user.key(scopes=["environments:read"], permissions=entries)
    )

    assert (await key.post(reports_of(mine), ALL)).status == 204
    assert (await key.post(reports_of(other), ALL)).error == "not_found"
    assert (await looking.post(reports_of(mine), ALL)).error == "insufficient_permission"
    assert (await reading.post(reports_of(mine), ALL)).error == "insufficient_scope"
    assert await kept(live, other) is None


async def test_a_wrong_body_is_told_before_anything_is_looked_up(people: People) -> None:
    environment = await register(people.user)

    for path in (reports_of(environment), "/environments/nobody/report"):
        answer = await people.other_user.caller.post(path, {"sandboxes": -1})
        assert (answer.status, answer.error) == (422, "validation_failed")


WRONG = [
    ({"cpu_millicores": -0.5}, "/cpu_millicores"),
    ({"cpu_millicores": "250"}, "/cpu_millicores"),
    ({"cpu_millicores": True}, "/cpu_millicores"),
    ({"cpu_millicores": None}, "/cpu_millicores"),
    ({"cpu_millicores": 1e300}, "/cpu_millicores"),
    ({"memory_bytes": -1}, "/memory_bytes"),
    ({"memory_bytes": 1.5}, "/memory_bytes"),
    ({"memory_bytes": 2**61}, "/memory_bytes"),
    ({"sandboxes": -1}, "/sandboxes"),
    ({"sandboxes": 1_000_001}, "/sandboxes"),
    ({"sandboxes": 1.0}, "/sandboxes"),
    ({"status": "stopped"}, "/status"),
    ({"status": None}, "/status"),
    ({"started_at": "yesterday"}, "/started_at"),
    ({"started_at": "2026-11-27T12:00:00"}, "/started_at"),
    ({"started_at": 1}, "/started_at"),
    ({"started_at": "9999-12-31T23:59:59-23:59"}, "/started_at"),
    ({"started_at": "0001-01-01T00:00:00+23:59", "status": "running"}, "/started_at"),
    ({"reported_at": "2026-11-27T12:00:00Z"}, "/reported_at"),
    ({"environment_id": "mine"}, "/environment_id"),
]


@pytest.mark.parametrize(("body", "pointer"), WRONG, ids=lambda value: str(value)[:50])
async def test_a_fault_is_named_and_nothing_is_kept(
    live: Live, people: People, body: dict[str, Any], pointer: str
) -> None:
    environment = await register(people.user)

    answer = await people.user.caller.post(reports_of(environment), {**ALL, **body})

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.body["errors"]] == [pointer]
    assert await kept(live, environment) is None
    assert (await people.user.caller.get(path_of(environment))).body == environment


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400])
async def test_what_is_no_finite_number_is_malformed(people: People, number: str) -> None:
    environment = await register(people.user)

    answer = await people.user.caller.request(
        "POST",
        reports_of(environment),
        data=f'{{"cpu_millicores": {number}}}',
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status, answer.error) == (400, "malformed_body")


async def test_the_largest_and_the_least_are_kept_as_they_are(live: Live, people: People) -> None:
    environment = await register(people.user)
    for body in (
        {"cpu_millicores": 1e9, "memory_bytes": 2**60, "sandboxes": 1_000_000},
        {"cpu_millicores": 0, "memory_bytes": 0, "sandboxes": 0},
        {"cpu_millicores": 0.1, "memory_bytes": 1, "sandboxes": 1},
    ):
        assert (await people.user.caller.post(reports_of(environment), body)).status == 204
        report = await kept(live, environment)
        assert report is not None
        assert {name: getattr(report, name) for name in body} == body


async def test_what_is_left_out_stays_and_nothing_at_all_is_a_sign_of_life(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    environment = await register(people.user)
    await people.user.caller.post(reports_of(environment), ALL)
    before = await kept(live, environment)
    clock.advance(10)

    assert (await people.user.caller.post(reports_of(environment), {})).status == 204
    after = await kept(live, environment)
    await people.user.caller.post(reports_of(environment), {"sandboxes": 5})
    last = await kept(live, environment)

    assert before
    assert after
    assert last
    assert after.reported_at - before.reported_at >= timedelta(seconds=10)
    known = (250.5, 3_221_225_473)
    assert [(each.cpu_millicores, each.memory_bytes) for each in (before, after, last)] == (
        [known] * 3
    )
    assert [each.sandboxes for each in (before, after, last)] == [2, 2, 5]


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


async def test_reports_count_as_uses_of_the_key(live: Live, people: People) -> None:
    environment = await register(people.user)
    entries = [{"environment_id": environment["id"], "permission": "editor"}]
    text, key = await live.make_key(people.user.caller, permissions=entries)
    for _ in range(3):
        await live.with_key(text).post(reports_of(environment), {})
    await live.runtime.last_used.flush()

    usage = (await people.user.caller.get(f"/api-keys/{key['id']}/usage")).body["usage"]
    assert sum(each["count"] for each in usage) == 3


async def test_a_key_is_good_for_no_report_once_it_is_revoked(live: Live, people: People) -> None:
    environment = await register(people.user)
    text, key = await live.make_key(people.user.caller, all_environments="editor")
    reporter = live.with_key(text)
    assert (await reporter.post(reports_of(environment), {"sandboxes": 1})).status == 204

    await people.user.caller.delete(f"/api-keys/{key['id']}")
    answer = await reporter.post(reports_of(environment), {"sandboxes": 2})

    assert answer.error == "invalid_token"
    report = await kept(live, environment)
    assert report is not None
    assert report.sandboxes == 1


async def test_a_taken_permission_ends_reports_at_once(live: Live, people: People) -> None:
    environment = await register(people.user)
    await share(people.user, environment, people.other_user, "editor")
    reporter = people.other_user
    assert (await reporter.caller.post(reports_of(environment), {})).status == 204

    taken = f"{path_of(environment)}/permissions/{reporter.id}"
    assert (await people.user.caller.delete(taken)).status == 204

    for body in ({}, {"status": "failed"}):
        assert (await reporter.caller.post(reports_of(environment), body)).error == "not_found"


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
