"""Guesses at passwords stop: by account, by address, and all together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.auth.guessing import (
    WRONG,
    behind_a_proxy,
    guess,
    hashes,
    said,
    statuses,
)
from tests.e2e.people import People, Template
from tests.live import USER_PASSWORD, Live, ShiftedClock, live_server
from tests.scale import scaled

NEW = "granite-violet-harbour-93"
OFFICE, CAFE = "198.51.100.7", "203.0.113.9"


@pytest.fixture
async def proxied(template: Template, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Live]:
    async with behind_a_proxy(template, tmp_path, clock) as live:
        yield live


def addresses(count: int) -> list[str]:
    return [f"192.0.2.{number}" for number in range(1, count + 1)]


async def test_the_eleventh_wrong_guess_is_429_and_so_is_the_right_password(
    live: Live, people: People
) -> None:
    # PW-06: from an address that the user has signed in from
    assert await statuses(live, people.user.username, 10) == [401] * 10

    wrong = await guess(live, people.user.username)
    right = await guess(live, people.user.username, USER_PASSWORD)

    assert (wrong.status, wrong.error) == (429, "rate_limited")
    assert said(right) == said(wrong)
    assert wrong.headers["Cache-Control"] == "no-store"
    for answer in (wrong, right):
        assert answer.headers["Retry-After"].isdecimal()
        assert 0 < int(answer.headers["Retry-After"]) <= 900


async def test_at_an_address_that_never_signed_in_the_sixth_guess_is_429(
    proxied: Live, template: Template
) -> None:
    # PW-06
    username = template.seeds["user"].record["username"]

    assert await statuses(proxied, username, 6, address=CAFE) == [401] * 5 + [429]
    assert (await guess(proxied, username, USER_PASSWORD, address=CAFE)).status == 429
    assert (await guess(proxied, username, USER_PASSWORD, address=OFFICE)).status == 200


async def test_an_account_takes_ten_guesses_from_everywhere(
    proxied: Live, template: Template
) -> None:
    # PW-06
    username = template.seeds["user"].record["username"]
    got = [(await guess(proxied, username, address=each)).status for each in addresses(12)]

    assert got == [401] * 10 + [429] * 2
    other = template.seeds["other_user"].record["username"]
    assert (await guess(proxied, other, USER_PASSWORD, address=CAFE)).status == 200


async def test_an_address_takes_fifty_guesses_for_everybody(proxied: Live) -> None:
    # PW-06
    got = [
        (await guess(proxied, f"nobody-{n}", address=f"2001:db8:0:7::{n:x}")).status
        for n in range(1, 52)
    ]

    assert got == [401] * 50 + [429]
    assert (await guess(proxied, "nobody-1", address="2001:db8:0:8::1")).status == 401


async def test_all_together_stop_only_those_who_never_succeeded(
    template: Template, tmp_path: Path, clock: ShiftedClock
) -> None:
    # PW-06, PW-09
    template.copy_to(tmp_path)
    environ = {"AGENTBOX_THROTTLE__TOTAL": "3/5m", "AGENTBOX_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
    user, other = (template.seeds[name].record["username"] for name in ("user", "other_user"))
    async with live_server(tmp_path, clock=clock, environ=environ) as live:
        for number, address in enumerate(addresses(3)):
            assert (await guess(live, f"nobody-{number}", address=address)).status == 401

        assert (await guess(live, other, USER_PASSWORD, address=CAFE)).status == 429
        assert (await guess(live, user, USER_PASSWORD)).status == 200
        assert (await guess(live, user, WRONG)).status == 401


def spellings(name: str) -> list[str]:
    """Ten ways to write it: case, white space, marks, width, what nobody sees, a slash."""
    wide = chr(ord(name[0]) + 0xFEE0) + name[1:]
    return [
        name, name.upper(), name.title(), f" {name}", f"{name} ", f"{name}\u200b", wide,
        f"{name[0]}\u0301{name[1:]}", f"{name}\n", f"{name}/",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["user.person", "nobody.person"])
async def test_no_spelling_and_no_header_makes_another_counter(
    live: Live, people: People, name: str
) -> None:
    # PW-07, IV-07
    before = hashes(live)
    got = []
    for number, spelling in enumerate(spellings(name) * 5):
        answer = await guess(live, spelling, address=f"198.51.100.{number % 10}")
        got.append(answer.status)

    most = 10 if name == people.user.username else 5
    assert got[:most] == [401] * most
    assert set(got[most:]) == {429}
    assert hashes(live) - before == most


@pytest.mark.parametrize("path", ["//auth/login", "/auth/login/", "/auth//login"])
async def test_no_alias_of_the_path_signs_in(live: Live, people: People, path: str) -> None:
    # PW-07
    body = {"username": people.user.username, "password": USER_PASSWORD}

    assert (await live.anonymous.post(f"/api/v1{path}", body)).status == 404


async def test_of_many_guesses_at_once_no_more_than_the_limit_are_hashed(live: Live) -> None:
    # PW-08, PW-05
    user = await live.make_user("ada", email="ada@example.com")
    ada = await live.sign_in("ada")
    names = ["ada", "ADA", "ada@example.com", "Ada@EXAMPLE.com", " ada", "áda", "ada\u200b"]
    before = hashes(live)

    async def by_login(number: int) -> int:
        return (await guess(live, names[number % len(names)])).status

    async def by_change(number: int) -> int:
        body = {"current_password": f"{WRONG}-{number}", "new_password": NEW}
        return (await ada.post("/auth/change-password", body)).status

    async def again(number: int) -> int:
        return (await ada.post("/auth/reauthenticate", {"password": f"{WRONG}-{number}"})).status

    ways = (by_login, by_change, by_login, again)
    got = await asyncio.gather(*(ways[number % 4](number) for number in range(scaled(200))))

    assert hashes(live) - before == 10
    assert set(got) <= {401, 403, 429, 503}
    assert sum(status in {401, 403} for status in got) == 10
    assert (await ada.get("/auth/me")).body["id"] == user["id"]


async def test_right_logins_at_once_are_not_failures(live: Live, people: People) -> None:
    # PW-08: those beyond the limit wait until some have ended
    answers = await asyncio.gather(
        *(guess(live, people.user.username, USER_PASSWORD) for _ in range(25))
    )

    assert {answer.status for answer in answers} == {200}


async def test_the_current_password_is_guessed_no_further(live: Live, people: People) -> None:
    # PW-08
    caller = people.user.caller
    body = {"current_password": WRONG, "new_password": NEW}
    got = [(await caller.post("/auth/change-password", body)).status for _ in range(6)]
    got += await statuses(live, people.user.username, 4)

    assert got == [403] * 6 + [401] * 4
    right = body | {"current_password": USER_PASSWORD}
    for each in (body, right):
        answer = await caller.post("/auth/change-password", each)
        assert (answer.status, answer.error) == (429, "rate_limited")
        assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert (await caller.get("/auth/me")).status == 200


async def test_reset_secrets_are_guessed_no_further(live: Live, people: People) -> None:
    # PW-08
    answer = await people.admin.caller.post(f"{people.user.path}/reset-password")

    assert await statuses(live, people.user.username, 11) == [401] * 10 + [429]
    assert (await guess(live, people.user.username, answer.body["secret"])).status == 429


async def test_the_owner_works_and_signs_in_while_somebody_guesses(
    proxied: Live, template: Template
) -> None:
    # PW-09
    people = People(proxied, template)
    key = proxied.with_key(await people.user.key())
    assert (await guess(proxied, people.user.username, USER_PASSWORD, address=OFFICE)).status == 200
    for address in addresses(20):
        await statuses(proxied, people.user.username, 2, address=address)

    assert (await guess(proxied, people.user.username, USER_PASSWORD, address=CAFE)).status == 429
    assert (await guess(proxied, people.user.username, USER_PASSWORD, address=OFFICE)).status == 200
    for caller in (people.user.caller, key):
        assert (await caller.get("/auth/me")).status == 200


async def test_an_address_is_known_for_thirty_days(
    proxied: Live, template: Template, clock: ShiftedClock
) -> None:
    # PW-09
    username = template.seeds["user"].record["username"]
    assert (await guess(proxied, username, USER_PASSWORD, address=OFFICE)).status == 200
    clock.advance(29 * 86_400)
    assert await statuses(proxied, username, 6, address=OFFICE) == [401] * 6

    clock.advance(2 * 86_400)

    assert await statuses(proxied, username, 6, address=OFFICE) == [401] * 5 + [429]


async def test_blocks_of_an_account_double_up_to_fifteen_minutes(
    proxied: Live, template: Template, clock: ShiftedClock
) -> None:
    # PW-09
    username = template.seeds["user"].record["username"]
    waits = []
    for _ in range(4):
        for address in addresses(10):
            assert (await guess(proxied, username, address=address)).status == 401
        wait = int((await guess(proxied, username, address=CAFE)).headers["Retry-After"])
        waits.append(wait)
        clock.advance(wait - 2)
        assert (await guess(proxied, username, address=CAFE)).status == 429
        clock.advance(3)

    assert [round(wait, -1) for wait in waits] == [300, 600, 900, 900]


async def test_a_success_forgets_the_failures_at_its_address(live: Live, people: People) -> None:
    for _ in range(3):
        assert await statuses(live, people.user.username, 9) == [401] * 9
        assert (await guess(live, people.user.username, USER_PASSWORD)).status == 200


async def test_a_restart_forgets_nothing_and_fifteen_minutes_do(
    template: Template, tmp_path: Path, clock: ShiftedClock
) -> None:
    # PW-06, PW-09
    template.copy_to(tmp_path)
    username = template.seeds["user"].record["username"]
    async with live_server(tmp_path, clock=clock) as live:
        await statuses(live, username, 10)
    async with live_server(tmp_path, clock=clock) as live:
        assert (await guess(live, username, USER_PASSWORD)).status == 429

        clock.advance(900)

        assert (await guess(live, username, USER_PASSWORD)).status == 200


async def test_unlocking_frees_at_once(live: Live, people: People) -> None:
    # PW-09
    await statuses(live, people.user.username, 11)

    assert (await people.admin.caller.post(f"{people.user.path}/unlock")).status == 200

    assert (await guess(live, people.user.username, USER_PASSWORD)).status == 200


async def test_whoever_is_throttled_is_told_the_same(live: Live, people: People) -> None:
    # PW-01, PW-02
    await live.make_user("asleep", status="suspended")
    names = [people.user.username, "nobody", "asleep", "no-body@example.com", "@", "x" * 5000, ""]
    for name in names:
        await statuses(live, name, 10)
    before = hashes(live)

    answers = [await guess(live, name) for name in names]
    answers.append(await guess(live, people.user.username, USER_PASSWORD))

    assert len({repr(said(answer)) for answer in answers}) == 1
    assert answers[0].status == 429
    assert hashes(live) == before  # nothing that could take longer for one than for another


async def test_interleaved_guesses_cost_the_same_for_somebody_and_nobody(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    # PW-02
    costs: dict[str, set[int]] = {people.user.username: set(), "nobody": set()}
    for number in range(scaled(20)):
        if number % 2 == 0:
            clock.advance(900)
        for name, seen in costs.items():
            before = hashes(live)
            assert (await guess(live, name)).status == 401
            seen.add(hashes(live) - before)

    assert costs == {people.user.username: {1}, "nobody": {1}}


@pytest.mark.parametrize("path", ["/auth/login", "/auth/change-password", "/auth/reauthenticate"])
async def test_the_document_tells_of_429(live: Live, path: str) -> None:
    document = (await live.anonymous.get("/openapi.json")).body
    answers: dict[str, Any] = document["paths"][f"/api/v1{path}"]["post"]["responses"]

    assert "rate_limited" in answers["429"]["description"]
