"""POST /auth/change-password: one's own, with the current one, in a session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.people import People
from tests.live import USER_PASSWORD, Live

NEW = "granite-violet-harbour-93"
PATH = "/auth/change-password"


def body(**fields: Any) -> dict[str, Any]:
    return {"current_password": USER_PASSWORD, "new_password": NEW} | fields


async def test_the_new_one_signs_in_and_the_old_one_does_not(live: Live, people: People) -> None:
    answer = await people.user.caller.post(PATH, body())

    assert (answer.status, answer.text) == (204, "")
    await live.sign_in(people.user.username, NEW)
    old = {"username": people.user.username, "password": USER_PASSWORD}
    assert (await live.anonymous.post("/auth/login", old)).status == 401


async def test_other_sessions_end_and_this_one_and_keys_go_on(live: Live, people: People) -> None:
    # PW-10
    other = await live.sign_in(people.user.username)
    key = live.with_key(await people.user.key())

    await people.user.caller.post(PATH, body())

    assert (await other.get("/auth/me")).status == 401
    assert (await people.user.caller.get("/auth/me")).status == 200
    assert (await key.get("/auth/me")).status == 200


@pytest.mark.parametrize(
    "current", ["", "wrong-password-entirely", USER_PASSWORD + " ", "x" * 2000, NEW]
)
async def test_a_wrong_current_password_is_403(live: Live, people: People, current: str) -> None:
    answer = await people.user.caller.post(PATH, body(current_password=current))

    assert (answer.status, answer.error) == (403, "invalid_password")
    assert "WWW-Authenticate" not in answer.headers
    await live.sign_in(people.user.username)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"new_password": ""}, "weak_password"),
        ({"new_password": "short"}, "weak_password"),
        ({"new_password": "passwordpassword"}, "weak_password"),
        ({"new_password": "x" * 1025}, "weak_password"),
        ({"new_password": "é" * 513}, "weak_password"),
        ({"new_password": "user.personuser.person"}, "weak_password"),
        ({"new_password": USER_PASSWORD}, "weak_password"),
        ({"new_password": None}, "validation_failed"),
        ({"new_password": 12345678901234}, "validation_failed"),
        ({"new_password": f"{NEW}\0"}, "validation_failed"),
        ({"current_password": None}, "validation_failed"),
        ({"user_id": "somebody"}, "validation_failed"),
        ({"username": "admin"}, "validation_failed"),
    ],
)
async def test_what_is_not_good_is_422_and_changes_nothing(
    live: Live, people: People, fields: dict[str, Any], error: str
) -> None:
    answer = await people.user.caller.post(PATH, body(**fields))

    assert (answer.status, answer.error) == (422, error)
    await live.sign_in(people.user.username)


async def test_the_current_password_is_needed(people: People) -> None:
    # PW-10
    answer = await people.user.caller.post(PATH, {"new_password": NEW})

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert answer.body["errors"][0]["pointer"] == "/current_password"


@pytest.mark.parametrize("scopes", [None, "all"])
async def test_no_key_changes_a_password(live: Live, people: People, scopes: str | None) -> None:
    # AK-06
    every = sorted(live.runtime.scopes.of_role(people.super_admin.record["role"]))
    text = await people.super_admin.key(**({"scopes": every} if scopes else {}))

    answer = await live.with_key(text).post(PATH, body())

    assert (answer.status, answer.error) == (403, "session_required")
    await live.sign_in(people.super_admin.username)


async def test_a_user_made_without_a_password_has_none_to_change(live: Live) -> None:
    user = await (await live.admin()).post("/users", {"username": "bare"})

    assert user.status == 201
    answer = await live.anonymous.post("/auth/login", {"username": "bare", "password": NEW})
    assert answer.status == 401


async def test_a_password_is_compared_in_one_normal_form(live: Live, people: People) -> None:
    # PW-03
    composed, decomposed = "crème-brûlée-lagoon-58", "cre\u0300me-bru\u0302le\u0301e-lagoon-58"
    assert composed != decomposed

    assert (await people.user.caller.post(PATH, body(new_password=decomposed))).status == 204

    await live.sign_in(people.user.username, composed)
    await live.sign_in(people.user.username, decomposed)


async def test_letters_after_the_72nd_byte_count(live: Live, people: People) -> None:
    # PW-03
    start = "copper lantern orbit walnut ember quarry granite violet harbour lagoon "
    long = (start * 14)[:1000] + "x"
    assert (await people.user.caller.post(PATH, body(new_password=long))).status == 204

    wrong = {"username": people.user.username, "password": long[:-1] + "y"}
    assert (await live.anonymous.post("/auth/login", wrong)).status == 401
    await live.sign_in(people.user.username, long)
