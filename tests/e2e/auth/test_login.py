"""POST /auth/login: what a good one answers, and that every bad one answers the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from tests.e2e.people import People
from tests.live import USER_PASSWORD, Answer, Live, ShiftedClock

WRONG = "not-the-password-at-all"


async def login(
    live: Live, username: str, password: str, headers: Mapping[str, str] = MappingProxyType({})
) -> Answer:
    body = {"username": username, "password": password}
    headers = {"X-Request-Id": "the-same"} | dict(headers)
    return await live.anonymous.post("/auth/login", body, headers=headers)


def without_date(answer: Answer) -> tuple[int, dict[str, str], str]:
    """Everything that an answer says but the time; the request's id is always the same here."""
    headers = {name: value for name, value in answer.headers.items() if name != "Date"}
    return answer.status, headers, answer.text


async def test_the_reply_has_the_members_of_the_contract(live: Live, people: People) -> None:
    answer = await login(live, people.user.username, USER_PASSWORD)

    assert answer.status == 200
    assert set(answer.body) == {
        "token", "token_type", "expires_at", "expires_in", "refresh_token", "refresh_expires_at",
        "user",
    }  # fmt: skip
    assert answer.body["token_type"] == "Bearer"
    assert answer.body["expires_in"] == 900
    assert answer.body["expires_at"].endswith("Z")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    user = answer.body["user"]
    assert user["id"] == people.user.id
    assert user["last_login"].endswith("Z")
    assert set(user) == {
        "id", "username", "role", "status", "created_at", "updated_at", "last_login",
    }  # fmt: skip


async def test_the_token_and_the_user_are_those_of_me(live: Live, people: People) -> None:
    answer = await login(live, people.user.username, USER_PASSWORD)

    me = (await live.with_token(answer.body["token"]).get("/auth/me")).body

    assert {name: me[name] for name in answer.body["user"]} == answer.body["user"]
    assert me["auth"]["expires_at"] == answer.body["expires_at"]


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title, str.swapcase])
async def test_a_username_is_found_in_any_case(live: Live, people: People, change: Any) -> None:
    assert (await login(live, change(people.user.username), USER_PASSWORD)).status == 200


@pytest.mark.parametrize("name", ["ada@example.com", "ADA@Example.COM", "aDa@EXAMPLE.com"])
async def test_a_verified_address_signs_in(live: Live, name: str) -> None:
    await live.make_user("ada", email="Ada@example.com")

    answer = await login(live, name, USER_PASSWORD)

    assert answer.status == 200
    assert answer.body["user"]["email"] == "ada@example.com"


async def test_an_address_that_the_user_gave_itself_does_not_sign_in(
    live: Live, people: People
) -> None:
    user = people.user
    caller = await user.anew()
    assert (await caller.patch(user.path, {"email": "me@example.com"})).status == 200

    assert (await login(live, "me@example.com", USER_PASSWORD)).status == 401


async def test_an_internationalised_domain_is_one_address_in_both_forms(live: Live) -> None:
    await live.make_user("ida", email="ida@bücher.example")

    for name in ("ida@bücher.example", "ida@xn--bcher-kva.example"):
        assert (await login(live, name, USER_PASSWORD)).status == 200


async def test_whatever_is_wrong_the_answer_is_the_same(live: Live, people: People) -> None:
    # PW-01
    admin = people.first.caller
    for status in ("inactive", "suspended"):
        await live.make_user(f"was-{status}", status=status, email=f"{status}@example.com")
    await live.make_user("late")
    assert (await admin.post("/users", {"username": "no-password"})).status == 201
    [late] = (await admin.get("/users?search=late")).body["users"]
    assert (await admin.patch(f"/users/{late['id']}", {"status": "inactive"})).status == 200

    answers = [
        await login(live, people.user.username, WRONG),
        await login(live, "nobody", WRONG),
        await login(live, "was-inactive", USER_PASSWORD),
        await login(live, "was-inactive", WRONG),
        await login(live, "was-suspended", USER_PASSWORD),
        await login(live, "inactive@example.com", USER_PASSWORD),
        await login(live, "late", USER_PASSWORD),
        await login(live, "no-password", USER_PASSWORD),
        await login(live, "no-password", ""),
        await login(live, "nobody@example.com", WRONG),
    ]

    assert len({repr(without_date(answer)) for answer in answers}) == 1
    assert (answers[0].status, answers[0].error) == (401, "invalid_credentials")
    assert answers[0].headers["WWW-Authenticate"] == 'Bearer realm="agentbox"'
    assert answers[0].headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "name",
    ["", " ", "no body", "-dash", "a" * 65, "ünï", "a@b@c", "@", "x" * 5000, "' OR 1=1 --", "\n",
     " user.person", "user.person ", "user.person\u200b", "ｕser.person", "uſer.person"],
)  # fmt: skip
async def test_a_name_that_cannot_exist_is_refused_like_one_that_does_not(
    live: Live, people: People, name: str
) -> None:
    known = await login(live, people.user.username, WRONG)

    assert without_date(await login(live, name, USER_PASSWORD)) == without_date(known)


@pytest.mark.parametrize(
    "password", ["", "x" * 1025, "é" * 513, "x" * 60_000, USER_PASSWORD + " ",
                 " " + USER_PASSWORD, USER_PASSWORD.upper(), USER_PASSWORD[:-1],
                 USER_PASSWORD + "\u200b"]
)  # fmt: skip
async def test_a_password_is_taken_exactly_as_given(
    live: Live, people: People, password: str
) -> None:
    known = await login(live, people.user.username, WRONG)

    answer = await login(live, people.user.username, password)

    assert without_date(answer) == without_date(known)


async def test_each_refusal_costs_one_hash_whoever_it_was_for(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    # PW-02
    await live.make_user("asleep", status="suspended")
    await people.first.caller.post("/users", {"username": "no-password"})
    names = [people.user.username, "nobody", "asleep", "no-password", "no body", "a@b.example", ""]
    costs = {}
    for name in names:
        clock.advance(900)  # some of them are counted as one
        for password in (WRONG, "", "x" * 2000):
            before = live.runtime.counters.value("password.hashes")
            assert (await login(live, name, password)).status == 401
            costs[name, len(password)] = live.runtime.counters.value("password.hashes") - before

    assert set(costs.values()) == {1}


STALE = [
    {"Authorization": "Bearer stale"},
    {"Authorization": "Bearer"},
    {"Authorization": "Basic dXNlcjpwYXNz"},
    {"X-API-Key": ""},
    {"X-API-Key": "ak_live_stale", "Authorization": "Bearer stale"},
]


@pytest.mark.parametrize("headers", STALE)
async def test_credentials_sent_along_are_not_looked_at(
    live: Live, people: People, headers: dict[str, str]
) -> None:
    right = await login(live, people.user.username, USER_PASSWORD, headers=headers)
    wrong = await login(live, people.user.username, WRONG, headers=headers)

    assert right.status == 200
    assert wrong.status == 401
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="agentbox"'


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"username": "ada"}, 422, "validation_failed"),
        ({"password": "x"}, 422, "validation_failed"),
        ({"username": "ada", "password": "x", "remember": True}, 422, "validation_failed"),
        ({"username": 1, "password": "x"}, 422, "validation_failed"),
        ({"username": "ada", "password": None}, 422, "validation_failed"),
        ({"username": ["ada"], "password": "x"}, 422, "validation_failed"),
        ({"username": "ada", "password": "nul\0"}, 422, "validation_failed"),
        ([], 422, "validation_failed"),
        ("ada", 422, "validation_failed"),
    ],
)
async def test_a_body_of_another_shape_is_refused(
    live: Live, body: Any, status: int, error: str
) -> None:
    answer = await live.anonymous.post("/auth/login", body)

    assert (answer.status, answer.error) == (status, error)


async def test_a_flow_that_nobody_began_is_refused(live: Live) -> None:
    body = {"flow": "made-up", "method": "password", "data": {}}

    answer = await live.anonymous.post("/auth/login/continue", body)

    assert (answer.status, answer.error) == (401, "invalid_credentials")
