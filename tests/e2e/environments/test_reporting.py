"""POST /environments/{id}/report: who may, what is taken, and what becomes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.environments.reporting import ALL, kept, limited_key, reports_of
from tests.e2e.environments.sandbox import path_of, register, share, shared
from tests.e2e.people import People
from tests.live import Live, ShiftedClock


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
