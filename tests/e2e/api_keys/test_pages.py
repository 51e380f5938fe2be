"""GET /api-keys?cursor=: pages that stay what they are while keys come and go."""

from __future__ import annotations

import pytest

from tests.e2e.people import People
from tests.live import Live


async def make(live: Live, people: People, number: int) -> list[str]:
    """The ids of new keys of the user's, newest first."""
    made = [(await live.make_key(people.user.caller))[1]["id"] for _ in range(number)]
    return made[::-1]


async def test_cursors_lead_to_the_last_page(live: Live, people: People) -> None:
    made = await make(live, people, 5)
    found, cursor = [], ""
    while cursor is not None:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        page = (await people.user.caller.get(f"/api-keys{query}")).body
        found.append([key["id"] for key in page["api_keys"]])
        assert page["total"] == 5
        cursor = page.get("next_cursor")

    assert found == [made[:2], made[2:4], made[4:]]


async def test_a_list_that_is_whole_has_no_next_page(live: Live, people: People) -> None:
    await make(live, people, 2)

    assert "next_cursor" not in (await people.user.caller.get("/api-keys?limit=2")).body


async def test_a_key_made_in_between_shifts_nothing(live: Live, people: People) -> None:
    made = await make(live, people, 4)
    first = (await people.user.caller.get("/api-keys?limit=2")).body
    await make(live, people, 1)
    query = f"?limit=2&cursor={first['next_cursor']}"
    second = (await people.user.caller.get(f"/api-keys{query}")).body

    assert [key["id"] for key in second["api_keys"]] == made[2:]


async def test_a_cursor_says_nothing_to_who_holds_it(live: Live, people: People) -> None:
    made = await make(live, people, 2)
    cursor = (await people.user.caller.get("/api-keys?limit=1")).body["next_cursor"]

    assert all(each not in cursor for each in made)
    assert len(cursor) <= 512
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "change", ["state=active", "user_id={other}", "all=true", "all=true&state=active"]
)
async def test_a_cursor_under_other_filters_is_400(live: Live, people: People, change: str) -> None:
    # AZ-08
    for _ in range(2):
        await live.make_key(people.admin.caller)
    cursor = (await people.admin.caller.get("/api-keys?limit=1")).body["next_cursor"]
    query = change.format(other=people.user.id)
    answer = await people.admin.caller.get(f"/api-keys?limit=1&cursor={cursor}&{query}")

    assert (answer.status, answer.error) == (400, "invalid_cursor")


async def test_a_cursor_of_somebody_else_is_400(live: Live, people: People) -> None:
    # AZ-08
    await make(live, people, 2)
    cursor = (await people.user.caller.get("/api-keys?limit=1")).body["next_cursor"]
    answer = await people.other_user.caller.get(f"/api-keys?limit=1&cursor={cursor}")

    assert (answer.status, answer.error) == (400, "invalid_cursor")


@pytest.mark.parametrize("change", ["cut", "longer", "first", "last", "padded", "case"])
async def test_a_cursor_that_was_bent_is_400(live: Live, people: People, change: str) -> None:
    # AZ-08
    await make(live, people, 2)
    cursor: str = (await people.user.caller.get("/api-keys?limit=1")).body["next_cursor"]
    bent = {
        "cut": cursor[:-4],
        "longer": cursor + "AAAA",
        "first": ("B" if cursor[0] == "A" else "A") + cursor[1:],
        "last": cursor[:-5] + ("B" if cursor[-5] == "A" else "A") + cursor[-4:],
        "padded": cursor + "=",
        "case": cursor.swapcase(),
    }[change]
    answer = await people.user.caller.get("/api-keys", params={"limit": 1, "cursor": bent})

    assert (answer.status, answer.error) == (400, "invalid_cursor")


async def test_a_cursor_goes_without_an_offset(live: Live, people: People) -> None:
    await make(live, people, 2)
    cursor = (await people.user.caller.get("/api-keys?limit=1")).body["next_cursor"]
    answer = await people.user.caller.get(f"/api-keys?limit=1&offset=1&cursor={cursor}")

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert answer.body["errors"][0]["pointer"] == "/offset"


async def test_a_right_is_asked_for_before_a_cursor(live: Live, people: People) -> None:
    answer = await people.user.caller.get("/api-keys?all=true&cursor=x")

    assert (answer.status, answer.error) == (403, "insufficient_role")
