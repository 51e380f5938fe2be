"""Sessions: one's own, and those of users of lower rank."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.e2e.people import People, Person
from tests.live import USER_PASSWORD, Caller, Live, ShiftedClock

OWN = [("GET", "/auth/sessions"), ("DELETE", "/auth/sessions"), ("DELETE", "/auth/sessions/x")]
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


async def listed(caller: Caller, path: str = "/auth/sessions", **params: Any) -> list[Any]:
    answer = await caller.get(path, params=params)
    assert answer.status == 200, answer.text
    assert set(answer.body) <= {"sessions", "total", "next_cursor"}
    return list(answer.body["sessions"])


async def my_id(caller: Caller) -> str:
    return str((await caller.get("/auth/me")).body["auth"]["session_id"])


# --- one's own ----------------------------------------------------------------------------------


async def test_a_session_says_when_and_from_where_it_began(people: People) -> None:
    (session,) = await listed(people.user.caller)

    assert set(session) == {
        *("id", "created_at", "last_used", "expires_at", "ip", "user_agent", "authenticator"),
        "current",
    }
    assert session["id"] == await my_id(people.user.caller)
    assert session["current"] is True
    assert (session["ip"], session["authenticator"]) == ("127.0.0.1", "password")
    assert "aiohttp" in session["user_agent"]
    assert re.fullmatch(INSTANT, session["created_at"])
    assert re.fullmatch(INSTANT, session["expires_at"])


async def test_newest_first_and_the_one_that_asks_is_marked(live: Live, people: People) -> None:
    others = [await live.sign_in(people.user.username) for _ in range(2)]
    callers = [*reversed(others), people.user.caller]

    for caller in callers:
        found = await listed(caller)
        assert [each["id"] for each in found] == [await my_id(each) for each in callers]
        assert [each["id"] for each in found if each["current"]] == [await my_id(caller)]


async def test_one_can_be_ended_and_is_over_at_once(live: Live, people: People) -> None:
    # JWT-11
    other = await live.sign_in(people.user.username)

    answer = await people.user.caller.delete(f"/auth/sessions/{await my_id(other)}")

    assert (answer.status, answer.text) == (204, "")
    assert (await other.get("/auth/me")).status == 401
    assert len(await listed(people.user.caller)) == 1


async def test_ending_the_one_that_asks_is_signing_out(people: People) -> None:
    caller = people.user.caller

    assert (await caller.delete(f"/auth/sessions/{await my_id(caller)}")).status == 204
    assert (await caller.get("/auth/me")).status == 401


async def test_anothers_is_an_unknown_one(live: Live, people: People) -> None:
    # AZ-07
    anothers = await my_id(people.viewer.caller)
    over = await live.sign_in(people.first.username, "walnut-ember-quarry-71")
    over_id = await my_id(over)
    await over.post("/auth/logout")
    same = {"X-Request-Id": "same"}

    for caller in (people.user.caller, people.first.caller):
        answers = [
            await caller.delete(f"/auth/sessions/{session_id}", headers=same)
            for session_id in (anothers, over_id, "0" * len(anothers))
        ]
        assert {(each.status, each.text) for each in answers} == {(404, answers[0].text)}
    assert (await people.viewer.caller.get("/auth/me")).status == 200


async def test_all_others_end_at_once_and_keys_go_on(live: Live, people: People) -> None:
    # JWT-11
    key = live.with_key(await people.user.key())
    others = [await live.sign_in(people.user.username) for _ in range(3)]

    answer = await people.user.caller.delete("/auth/sessions")

    assert (answer.status, answer.text) == (204, "")
    assert [(await each.get("/auth/me")).status for each in others] == [401] * 3
    assert (await people.user.caller.get("/auth/me")).status == 200
    assert (await people.viewer.caller.get("/auth/me")).status == 200
    assert (await key.get("/auth/me")).status == 200
    await live.sign_in(people.user.username, USER_PASSWORD)


@pytest.mark.parametrize(("method", "path"), OWN)
async def test_no_key_comes_near_them(live: Live, people: People, method: str, path: str) -> None:
    scopes = ["self:read", "self:write", "users:credentials", "users:write"]
    key = live.with_key(await people.super_admin.key(scopes=scopes))

    answer = await key.request(method, path)

    assert (answer.status, answer.error) == (403, "session_required")
    by_id = await key.get(f"{people.super_admin.path}/sessions")
    assert (by_id.status, by_id.error) == (403, "session_required")
    assert (await people.super_admin.caller.get("/auth/me")).status == 200


async def test_what_is_over_is_not_listed(live: Live, people: People, clock: ShiftedClock) -> None:
    await (await live.sign_in(people.user.username)).post("/auth/logout")
    assert len(await listed(people.user.caller)) == 1

    clock.advance(30 * 24 * 3600)
    fresh = await live.sign_in(people.user.username)

    assert [each["current"] for each in await listed(fresh)] == [True]


# --- pages --------------------------------------------------------------------------------------


async def test_pages_put_together_are_the_list(live: Live, people: People) -> None:
    for _ in range(4):
        await live.sign_in(people.user.username)
    caller = people.user.caller
    whole = [each["id"] for each in await listed(caller)]

    by_offset = [await listed(caller, limit=2, offset=offset) for offset in (0, 2, 4)]
    by_cursor, params = [], {"limit": "2"}
    while params:
        body = (await caller.get("/auth/sessions", params=params)).body
        by_cursor.append(body["sessions"])
        assert body["total"] == 5
        cursor = body.get("next_cursor")
        params = {"limit": "2", "cursor": cursor} if cursor else {}

    for pages in (by_offset, by_cursor):
        assert [each["id"] for page in pages for each in page] == whole


async def test_a_cursor_is_for_one_users_list(live: Live, people: People) -> None:
    # AZ-08
    await live.sign_in(people.user.username)
    first = (await people.user.caller.get("/auth/sessions?limit=1")).body
    users = (await people.first.caller.get("/users?limit=1")).body

    for caller, cursor in (
        (people.viewer.caller, first["next_cursor"]),
        (people.user.caller, users["next_cursor"]),
    ):
        answer = await caller.get("/auth/sessions", params={"limit": "1", "cursor": cursor})
        assert (answer.status, answer.error) == (400, "invalid_cursor")
    params = {"cursor": first["next_cursor"], "offset": "1"}
    assert (await people.user.caller.get("/auth/sessions", params=params)).status == 422


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "offset=-1", "sort=ip", "sort=created_at", "limit=x"]
)
async def test_a_bad_page_is_422(people: People, query: str) -> None:
    # AZ-08
    for path in ("/auth/sessions", f"{people.viewer.path}/sessions"):
        answer = await people.first.caller.get(f"{path}?{query}")
        assert (answer.status, answer.error) == (422, "validation_failed")


# --- others' ------------------------------------------------------------------------------------


def path_of(somebody: Person) -> str:
    return f"{somebody.path}/sessions"


async def test_an_admin_sees_the_same_and_none_is_its_own(people: People) -> None:
    own = await listed(people.user.caller)

    seen = await listed(people.admin.caller, path_of(people.user))

    assert seen == [each | {"current": False} for each in own]


async def test_an_admin_ends_them_all_at_once(live: Live, people: People) -> None:
    # JWT-11
    key = live.with_key(await people.user.key())
    sessions = [people.user.caller, await live.sign_in(people.user.username)]

    answer = await people.admin.caller.delete(path_of(people.user))

    assert (answer.status, answer.text) == (204, "")
    assert [(await each.get("/auth/me")).status for each in sessions] == [401, 401]
    assert (await key.get("/auth/me")).status == 200
    assert await listed(people.admin.caller, path_of(people.user)) == []
    await live.sign_in(people.user.username, USER_PASSWORD)
    async with live.runtime.storage.transaction(read_only=True) as tx:
        rows = await tx.audit.last(2)
    assert [(row.event, row.actor) for row in rows] == [
        ("session.begin", f"user:{people.user.id}"),
        ("user.sessions_end", f"user:{people.admin.id}"),
    ]


async def test_an_admin_sees_its_own_by_id_and_ends_them_elsewhere(people: People) -> None:
    (session,) = await listed(people.admin.caller, path_of(people.admin))

    assert session["current"] is True
    answer = await people.admin.caller.delete(path_of(people.admin))
    assert (answer.status, answer.error) == (409, "self_forbidden")


async def test_a_key_sees_those_of_others_with_the_scope(live: Live, people: People) -> None:
    # AK-04
    reader = live.with_key(await people.admin.key(scopes=["users:read", "users:write"]))
    keeper = live.with_key(await people.admin.key(scopes=["users:credentials"]))

    for method in ("GET", "DELETE"):
        answer = await reader.request(method, path_of(people.user))
        assert (answer.status, answer.error) == (403, "insufficient_scope")
    assert len(await listed(keeper, path_of(people.user))) == 1
    assert (await keeper.delete(path_of(people.user))).status == 204


async def test_no_answer_shows_a_token(people: People) -> None:
    answer = await people.admin.caller.get(path_of(people.user))

    assert people.user.token not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
