"""GET /users by cursor: stable while users come and go, and for nothing but what it was given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.people import People
from tests.live import Answer, Caller, Live


async def page(caller: Caller, **params: Any) -> Answer:
    return await caller.get("/users", params=params)


async def first_cursor(caller: Caller, **params: Any) -> str:
    answer = await page(caller, limit=2, **params)
    assert answer.status == 200, answer.text
    return str(answer.body["next_cursor"])


async def walk(caller: Caller, limit: int, **params: Any) -> list[str]:
    """All ids, page by page."""
    seen: list[str] = []
    more: dict[str, Any] = {}
    while True:
        answer = await page(caller, limit=limit, **params, **more)
        assert answer.status == 200, answer.text
        assert 0 < len(answer.body["users"]) <= limit
        seen += [user["id"] for user in answer.body["users"]]
        if "next_cursor" not in answer.body:
            return seen
        more = {"cursor": answer.body["next_cursor"]}


@pytest.mark.parametrize("limit", [1, 2, 3, 8, 9, 10, 1000])
async def test_pages_put_together_are_the_list(people: People, limit: int) -> None:
    whole = (await page(people.first.caller)).body

    assert await walk(people.first.caller, limit) == [user["id"] for user in whole["users"]]
    assert "next_cursor" not in whole


async def test_filters_hold_on_every_page(people: People) -> None:
    filters = {"status": "active", "search": "person"}
    whole = (await page(people.first.caller, **filters)).body["users"]

    assert len(whole) == 8
    assert await walk(people.first.caller, 3, **filters) == [user["id"] for user in whole]


async def test_who_is_there_all_the_time_is_seen_once_whoever_comes_and_goes(
    live: Live, people: People
) -> None:
    caller = people.first.caller
    staying = [(await live.make_user(f"stays-{number}"))["id"] for number in range(6)]
    going = [(await live.make_user(f"goes-{number}"))["id"] for number in range(4)]
    there = [user["id"] for user in (await page(caller)).body["users"]]
    seen: list[str] = []
    more: dict[str, Any] = {}
    step = 0
    while True:
        answer = (await page(caller, limit=2, **more)).body
        seen += [user["id"] for user in answer["users"]]
        if "next_cursor" not in answer:
            break
        more = {"cursor": answer["next_cursor"]}
        # One is made before the page, and one deleted, which may be the very last one seen.
        await caller.post("/users", {"username": f"new-{step}"})
        if going:
            await caller.delete(f"/users/{going.pop()}")
        step += 1

    assert step >= 5
    assert [each for each in seen if each in staying] == staying[::-1]
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(there)
    kept = [each for each in there if (await caller.get(f"/users/{each}")).status == 200]
    assert [each for each in seen if each in kept] == kept


async def test_a_cursor_is_good_again_and_again(people: People) -> None:
    cursor = await first_cursor(people.first.caller)

    answers = [(await page(people.first.caller, limit=2, cursor=cursor)).body for _ in range(2)]

    assert answers[0]["users"] == answers[1]["users"]


async def test_another_admin_may_go_on_with_it(people: People) -> None:
    """It says where the list goes on and gives no right."""
    cursor = await first_cursor(people.first.caller)

    assert (await page(people.admin.caller, cursor=cursor)).status == 200
    assert (await page(people.user.caller, cursor=cursor)).status == 403


async def test_a_cursor_with_any_byte_changed_is_400(people: People) -> None:
    # AZ-08
    cursor = await first_cursor(people.first.caller)
    flipped = [
        cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        for at in range(len(cursor))
    ]
    others = [cursor[:-1], cursor[1:], cursor + "A", cursor * 2, cursor + "=", cursor + "\n"]

    found = {}
    for text in (*flipped, *others):
        answer = await page(people.first.caller, limit=2, cursor=text)
        found[text] = (answer.status, answer.error)

    assert len(flipped) > 50
    assert {text: said for text, said in found.items() if said != (400, "invalid_cursor")} == {}


@pytest.mark.parametrize(
    "filters",
    [{"role": "user"}, {"status": "active"}, {"search": "person"}, {"role": "admin"}],
    ids=str,
)
async def test_a_cursor_of_other_filters_is_400(people: People, filters: dict[str, str]) -> None:
    # AZ-08
    caller = people.first.caller
    plain = await first_cursor(caller)
    narrow = await first_cursor(caller, status="active", search="other")

    for cursor in (plain, narrow):
        answer = await page(caller, limit=2, cursor=cursor, **filters)
        assert (answer.status, answer.error) == (400, "invalid_cursor")
    answer = await page(caller, limit=2, cursor=narrow)
    assert (answer.status, answer.error) == (400, "invalid_cursor")


async def test_a_cursor_and_an_offset_is_422(people: People) -> None:
    cursor = await first_cursor(people.first.caller)

    answer = await page(people.first.caller, cursor=cursor, offset=2)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert answer.body["errors"][0]["pointer"] == "/offset"


async def test_a_cursor_shows_nothing_of_the_row_it_stands_for(people: People) -> None:
    # AZ-08
    answer = await page(people.first.caller, limit=2)
    again = await page(people.first.caller, limit=2)
    last = answer.body["users"][-1]

    assert last["id"] not in answer.body["next_cursor"]
    assert answer.body["next_cursor"] != again.body["next_cursor"]


@pytest.mark.parametrize(
    "sort",
    ["password_hash", "-password_hash", "email", "username", "-username", "id", "last_login",
     "created_at", "-created_at,id", "-Created_at", " -created_at", "1", "created_at desc",
     "(select 1)", "-created_at--", "*"],
)  # fmt: skip
async def test_an_unknown_sort_key_is_422(people: People, sort: str) -> None:
    # AZ-08
    answer = await page(people.first.caller, sort=sort)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert answer.body["errors"][0]["pointer"] == "/sort"
