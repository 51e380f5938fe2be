"""GET /api-keys/{id}/usage: how often a key was used, by full hours or days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.people import ROLES, People
from tests.live import Caller, Live, ShiftedClock

HOUR = timedelta(hours=1)


async def used(live: Live, key: Caller, times: int) -> None:
    for _ in range(times):
        assert (await key.get("/auth/me")).status == 200
    await live.runtime.last_used.flush()


def instant(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


async def test_uses_are_told_by_the_hour_of_the_last_24(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    now = live.runtime.clock.now()
    clock.advance(3660 - 60 * now.minute - now.second)  # so that no hour ends meanwhile
    people.user.caller = await live.sign_in(people.user.username)
    text, record = await live.make_key(people.user.caller)
    key = live.with_key(text)
    await used(live, key, 3)
    clock.advance(7200)
    await used(live, key, 2)
    people.user.caller = await live.sign_in(people.user.username)
    answer = await people.user.caller.get(f"/api-keys/{record['id']}/usage")

    assert answer.status == 200
    assert set(answer.body) == {"api_key_id", "start", "end", "step", "usage"}
    assert (answer.body["api_key_id"], answer.body["step"]) == (record["id"], "1h")
    start, end = instant(answer.body["start"]), instant(answer.body["end"])
    assert start.minute == start.second == start.microsecond == 0
    assert timedelta(hours=24) <= end - start < timedelta(hours=25)
    first, second = answer.body["usage"]
    assert (first["count"], second["count"]) == (3, 2)
    assert instant(second["timestamp"]) - instant(first["timestamp"]) == 2 * HOUR
    assert start <= instant(first["timestamp"]) < end


async def test_days_put_hours_together(live: Live, people: People) -> None:
    _, record = await live.make_key(people.user.caller)
    day = datetime(2026, 3, 1, tzinfo=UTC)
    uses = {day: 1, day + 23 * HOUR: 2, day + 24 * HOUR: 4, day + 72 * HOUR: 8}
    async with live.runtime.storage.transaction() as tx:
        await tx.api_key_usage.add({(record["id"], hour): count for hour, count in uses.items()})
    query = "start=2026-03-01T18:00:00Z&end=2026-03-04T00:00:00Z&step=1d"
    answer = await people.user.caller.get(f"/api-keys/{record['id']}/usage?{query}")

    assert answer.body == {
        "api_key_id": record["id"],
        "start": "2026-03-01T00:00:00Z",
        "end": "2026-03-04T00:00:00Z",
        "step": "1d",
        "usage": [
            {"timestamp": "2026-03-01T00:00:00Z", "count": 3},
            {"timestamp": "2026-03-02T00:00:00Z", "count": 4},
        ],
    }


async def test_any_zone_may_be_asked_in_and_utc_is_told(live: Live, people: People) -> None:
    _, record = await live.make_key(people.user.caller)
    query = {"start": "2026-03-01T02:30:00+02:00", "end": "2026-03-01T12:00:00-01:00"}
    answer = await people.user.caller.get(f"/api-keys/{record['id']}/usage", params=query)

    assert (answer.body["start"], answer.body["end"]) == (
        "2026-03-01T00:00:00Z",
        "2026-03-01T13:00:00Z",
    )


BAD: list[tuple[str, str]] = [
    ("start=yesterday", "/start"),
    ("start=", "/start"),
    ("start=2026-03-01", "/start"),
    ("start=2026-03-01T00:00:00", "/start"),
    ("start=1700000000", "/start"),
    ("start=2026-02-30T00:00:00Z", "/start"),
    ("start=0001-01-01T00:00:00%2B23:59", "/start"),
    ("start=" + "2" * 65, "/start"),
    ("end=tomorrow", "/end"),
    ("end=1e9", "/end"),
    ("end=9999-12-31T23:59:59-23:59", "/end"),
    ("end=0001-01-01T00:00:00Z", "/end"),
    ("start=2026-03-02T00:00:00Z&end=2026-03-01T00:00:00Z", "/end"),
    ("start=2999-01-01T00:00:00Z", "/end"),
    ("step=1m", "/step"),
    ("step=", "/step"),
    ("step=1H", "/step"),
    ("start=2026-01-01T00:00:00Z&end=2026-02-11T17:00:00Z", "/step"),
    ("start=2020-01-01T00:00:00Z&end=2026-01-01T00:00:00Z&step=1d", "/step"),
]


@pytest.mark.parametrize(("query", "pointer"), BAD)
async def test_a_question_that_can_not_be_answered_is_422(
    live: Live, people: People, query: str, pointer: str
) -> None:
    # AZ-08
    _, record = await live.make_key(people.user.caller)
    answer = await people.user.caller.get(f"/api-keys/{record['id']}/usage?{query}")

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.body["errors"]] == [pointer]


@pytest.mark.parametrize("query", ["", "start=2026-01-01T00:00:00Z&end=2026-02-11T16:00:00Z"])
async def test_a_thousand_hours_without_a_use_are_no_points(
    live: Live, people: People, query: str
) -> None:
    _, record = await live.make_key(people.user.caller)
    answer = await people.user.caller.get(f"/api-keys/{record['id']}/usage?{query}")

    assert (answer.status, answer.body["usage"]) == (200, [])


SEES: dict[str, Any] = {"viewer": 404, "user": 404, "admin": 200, "super_admin": 200}


@pytest.mark.parametrize("role", ROLES)
async def test_who_sees_a_key_sees_its_uses(live: Live, people: People, role: str) -> None:
    # AZ-03 AZ-07
    _, record = await live.make_key(people.other_user.caller)
    answer = await people[role].caller.get(f"/api-keys/{record['id']}/usage")

    assert answer.status == SEES[role]
    assert (await people.other_user.caller.get("/api-keys/nothing/usage")).status == 404


async def test_a_key_needs_the_scope_for_its_own_uses(live: Live, people: People) -> None:
    text, record = await live.make_key(people.user.caller)
    answer = await live.with_key(text).get(f"/api-keys/{record['id']}/usage")

    assert (answer.status, answer.error) == (403, "insufficient_scope")
