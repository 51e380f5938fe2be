"""Keys with networks and a rate, over a socket."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import pytest

from tests.e2e.people import People
from tests.live import Answer, Caller, Live, ShiftedClock

ELSEWHERE = "192.0.2.0/24"


async def from_address(live: Live, address: str, key: str, path: str = "/auth/me") -> Answer:
    """GET with the key from another address of this machine."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with aiohttp.ClientSession(live.url, connector=connector) as session:
        return await Caller(session, {"X-API-Key": key}).get(path)


async def test_networks_and_rate_are_kept_and_shown(live: Live, people: People) -> None:
    body = {"allowed_cidrs": ["127.0.0.1", "2001:DB8::/32"], "rate_limit": "100/minute"}
    made = await people.user.caller.post("/api-keys", body)

    assert made.status == 201
    assert made.body["allowed_cidrs"] == ["127.0.0.1/32", "2001:db8::/32"]
    assert made.body["rate_limit"] == "100/minute"
    shown = (await people.user.caller.get(f"/api-keys/{made.body['id']}")).body
    assert shown == {name: value for name, value in made.body.items() if name != "key"}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"allowed_cidrs": []}, "/allowed_cidrs"),
        ({"allowed_cidrs": None}, "/allowed_cidrs"),
        ({"allowed_cidrs": "10.0.0.0/8"}, "/allowed_cidrs"),
        ({"allowed_cidrs": ["10.0.0.0/8", 7]}, "/allowed_cidrs/1"),
        ({"allowed_cidrs": ["10.0.0.0/8", "10.0.0.1/8"]}, "/allowed_cidrs/1"),
        ({"allowed_cidrs": ["example.com"]}, "/allowed_cidrs/0"),
        ({"allowed_cidrs": ["10.0.0.1"] * 65}, "/allowed_cidrs"),
        ({"rate_limit": ""}, "/rate_limit"),
        ({"rate_limit": None}, "/rate_limit"),
        ({"rate_limit": 100}, "/rate_limit"),
        ({"rate_limit": "100"}, "/rate_limit"),
        ({"rate_limit": "0/minute"}, "/rate_limit"),
        ({"rate_limit": "10001/minute"}, "/rate_limit"),
        ({"rate_limit": "1/fortnight"}, "/rate_limit"),
    ],
    ids=str,
)
async def test_a_limit_that_is_none_is_422(
    people: People, fields: dict[str, Any], pointer: str
) -> None:
    answer = await people.user.caller.post("/api-keys", fields)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.body["errors"]] == [pointer]


async def test_a_key_from_another_network_is_401_and_does_not_say_why(
    live: Live, people: People
) -> None:
    # AK-07
    key = await people.user.key(allowed_cidrs=[ELSEWHERE, "127.0.0.2"])
    unknown = await live.with_key(key[:-1] + "x").get("/auth/me", headers={"X-Request-Id": "x"})
    refused = await live.with_key(key).get("/auth/me", headers={"X-Request-Id": "x"})

    assert (refused.status, refused.error) == (401, "invalid_token")
    assert refused.text == unknown.text
    assert (await from_address(live, "127.0.0.2", key)).status == 200
    assert (await from_address(live, "127.0.0.3", key)).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "192.0.2.1"},
        {"X-Real-IP": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
        {"True-Client-IP": "192.0.2.1"},
    ],
    ids=str,
)
async def test_no_header_says_where_a_client_is(
    live: Live, people: People, headers: dict[str, str]
) -> None:
    key = live.with_key(await people.user.key(allowed_cidrs=[ELSEWHERE]))

    assert (await key.get("/auth/me", headers=headers)).status == 401


async def test_a_key_used_too_often_is_429_with_the_seconds_to_wait(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    # AK-05
    key = live.with_key(await people.user.key(rate_limit="3/minute"))
    statuses = [(await key.get("/auth/me")).status for _ in range(3)]
    clock.advance(10)
    refused = await key.get("/auth/me")

    assert statuses == [200, 200, 200]
    assert (refused.status, refused.error) == (429, "rate_limited")
    assert refused.headers["Retry-After"] in {"49", "50"}
    assert "WWW-Authenticate" not in refused.headers
    clock.advance(int(refused.headers["Retry-After"]))
    assert (await key.get("/auth/me")).status == 200


async def test_of_many_uses_at_once_as_many_as_the_rate_says_get_through(
    live: Live, people: People
) -> None:
    # AK-05
    key = live.with_key(await people.user.key(rate_limit="20/hour"))
    answers = await asyncio.gather(*(key.get("/auth/me") for _ in range(60)))

    assert Counter(answer.status for answer in answers) == {200: 20, 429: 40}


async def test_every_route_that_takes_a_credential_counts(live: Live, people: People) -> None:
    key = live.with_key(await people.user.key(rate_limit="6/hour"))
    asks = [
        ("GET", "/auth/me"),
        ("GET", people.user.path),
        ("GET", "/users"),  # 403
        ("POST", "/auth/logout"),  # 403: no key has a session
        ("PATCH", "/api-keys/x"),  # 403
        ("GET", f"{people.user.path}?x=1&x=2"),  # 400
    ]
    before = [(await key.request(*ask)).status for ask in asks]
    after = [(await key.request(*ask)).status for ask in asks]

    assert before == [200, 200, 403, 403, 403, 400]
    assert set(after) == {429}
    # public routes look at no credential
    assert (await key.get("/healthz")).status == 200


async def test_a_refused_use_is_not_counted_as_one(live: Live, people: People) -> None:
    text, record = await live.make_key(people.user.caller, rate_limit="2/hour")
    for _ in range(5):
        await live.with_key(text).get("/auth/me")
    await live.runtime.last_used.flush()
    usage = await people.user.caller.get(f"/api-keys/{record['id']}/usage")

    assert sum(point["count"] for point in usage.body["usage"]) == 2


async def test_the_owner_s_session_and_other_keys_go_on(live: Live, people: People) -> None:
    limited = live.with_key(await people.user.key(rate_limit="1/day"))
    other = live.with_key(await people.user.key())
    for _ in range(3):
        last = await limited.get("/auth/me")

    assert last.status == 429
    assert (await other.get("/auth/me")).status == 200
    assert (await people.user.caller.get("/auth/me")).status == 200
