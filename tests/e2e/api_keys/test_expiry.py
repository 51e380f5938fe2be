"""How long a key lasts: the table of what can be asked for, and the end itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.people import People, Template
from tests.live import Live, ShiftedClock, live_server

DAY = 86_400


def instant(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def distance(text: str, days: float) -> float:
    return abs((instant(text) - datetime.now(UTC) - timedelta(days=days)).total_seconds())


async def test_no_expiry_asked_for_is_none(people: People) -> None:
    made = await people.user.caller.post("/api-keys", {})

    assert "expires_at" not in made.body


@pytest.mark.parametrize("days", [1, 30, 365, 36500])
async def test_whole_days(people: People, days: int) -> None:
    made = await people.user.caller.post("/api-keys", {"expires_in": days})

    assert made.status == 201
    assert distance(made.body["expires_at"], days) < 60


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("2099-01-02T03:04:05Z", "2099-01-02T03:04:05Z"),
        ("2099-01-02T03:04:05+02:00", "2099-01-02T01:04:05Z"),
        ("2099-01-02T03:04:05.123456-05:30", "2099-01-02T08:34:05.123456Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
async def test_an_instant_is_kept_in_utc(people: People, asked: str, kept: str) -> None:
    made = await people.user.caller.post("/api-keys", {"expires_at": asked})

    assert (made.status, made.body.get("expires_at")) == (201, kept)
    one = await people.user.caller.get(f"/api-keys/{made.body['id']}")
    assert one.body["expires_at"] == kept


# AK-05
REFUSED: list[dict[str, Any]] = [
    {"expires_in": 0},
    {"expires_in": -1},
    {"expires_in": 10**18},
    {"expires_in": 2**63 - 1},
    {"expires_in": 36501},
    {"expires_in": 1.5},
    {"expires_in": 1.0},
    {"expires_in": "30"},
    {"expires_in": "30d"},
    {"expires_in": True},
    {"expires_in": None},
    {"expires_in": [1]},
    {"expires_at": "2020-01-01T00:00:00Z"},
    {"expires_at": "0001-01-01T00:00:00+23:59"},
    {"expires_at": "9999-12-31T23:59:59-23:59"},
    {"expires_at": "2099-01-01T00:00:00"},
    {"expires_at": "2099-01-01"},
    {"expires_at": "2099-13-01T00:00:00Z"},
    {"expires_at": "2099-02-30T00:00:00Z"},
    {"expires_at": "tomorrow"},
    {"expires_at": ""},
    {"expires_at": None},
    {"expires_at": 4102444800},
    {"expires_at": 1e18},
    {"expires_at": True},
    {"expires_at": "10000-01-01T00:00:00Z"},
    {"expires_at": "-2099-01-01T00:00:00Z"},
    {"expires_in": 30, "expires_at": "2099-01-01T00:00:00Z"},
]


@pytest.mark.parametrize("fields", REFUSED, ids=str)
async def test_any_other_expiry_is_422(people: People, fields: dict[str, Any]) -> None:
    # AK-05
    answer = await people.user.caller.post("/api-keys", fields)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert (await people.user.caller.get("/api-keys")).body["total"] == 0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 30, "1e", "0x1"])
async def test_a_number_that_json_has_not_is_400(people: People, number: str) -> None:
    # AK-05
    text = f'{{"expires_in": {number}}}'
    headers = {"Content-Type": "application/json"}

    answer = await people.user.caller.request("POST", "/api-keys", data=text, headers=headers)

    assert (answer.status, answer.error) == (400, "malformed_body")


async def test_a_key_works_to_its_last_second(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    # AK-05
    key = live.with_key(await people.user.key(expires_in=1))

    clock.advance(DAY - 60)
    assert (await key.get("/auth/me")).status == 200
    clock.advance(61)
    answer = await key.get("/auth/me")

    assert (answer.status, answer.error) == (401, "invalid_token")


async def test_me_says_when_the_key_ends(live: Live, people: People) -> None:
    text, record = await live.make_key(people.user.caller, expires_in=1)

    me = (await live.with_key(text).get("/auth/me")).body

    assert me["auth"]["expires_at"] == record["expires_at"]


class Limited:
    """A server that lets no key live longer than ten days."""

    def __init__(self, live: Live, people: People) -> None:
        self.live = live
        self.people = people


@pytest.fixture
async def limited(template: Template, tmp_path: Path) -> AsyncIterator[Limited]:
    template.copy_to(tmp_path)
    environ = {"AGENTBOX_API_KEYS__MAX_LIFETIME": "10d"}
    async with live_server(tmp_path, environ=environ) as live:
        yield Limited(live, People(live, template))


async def test_the_longest_lifetime_is_what_is_not_asked_for(limited: Limited) -> None:
    # AK-05
    made = await limited.people.user.caller.post("/api-keys", {})

    assert distance(made.body["expires_at"], 10) < 60


@pytest.mark.parametrize(("days", "status"), [(1, 201), (10, 201), (11, 422), (365, 422)])
async def test_the_longest_lifetime_is_not_passed(limited: Limited, days: int, status: int) -> None:
    # AK-05
    answer = await limited.people.user.caller.post("/api-keys", {"expires_in": days})

    assert answer.status == status
