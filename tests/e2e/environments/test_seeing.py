"""GET /environments: who sees what, in lists and alone; totals, searches and cursors too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.environments.sandbox import path_of, register, share, shared
from tests.e2e.people import People
from tests.live import Caller


async def names(caller: Caller, query: str = "") -> list[str]:
    """The names in the list, whose total must agree."""
    answer = await caller.get(f"/environments{query}")
    assert answer.status == 200, answer.text
    found = [each["name"] for each in answer.body["environments"]]
    assert answer.body["total"] == len(found)
    return found


@pytest.fixture
async def boxes(people: People) -> dict[str, dict[str, Any]]:
    """Two of `user`, one of them shared with `viewer`; one of `other_user`."""
    mine = await register(people.user, "mine", labels={"team": "blue"}, status="running")
    ours = await shared(people.user, people.viewer, "viewer", name="ours")
    theirs = await register(people.other_user, "theirs", labels={"team": "Blue"})
    return {"mine": mine, "ours": ours, "theirs": theirs}


async def test_a_list_holds_what_one_may_see_newest_first(
    people: People, boxes: dict[str, Any]
) -> None:
    assert await names(people.user.caller) == ["ours", "mine"]
    assert await names(people.viewer.caller) == ["ours"]
    assert await names(people.other_user.caller) == ["theirs"]
    assert await names(people.other_viewer.caller) == []
    assert await names(people.admin.caller) == ["theirs", "ours", "mine"]
    assert await names(people.super_admin.caller) == ["theirs", "ours", "mine"]


async def test_the_permission_shown_is_ones_own(people: People, boxes: dict[str, Any]) -> None:
    path = path_of(boxes["ours"])

    shown = {
        who: (await people[who].caller.get(path)).body["permission"]
        for who in ("user", "viewer", "admin", "super_admin")
    }

    assert shown == {"user": "owner", "viewer": "viewer", "admin": "viewer", "super_admin": "owner"}


async def test_what_one_can_t_see_is_as_if_it_were_not_there(  # AZ-07
    people: People, boxes: dict[str, Any]
) -> None:
    outsider = people.other_user.caller
    for path in (path_of(boxes["mine"]), "/environments/0000000000000000nope"):
        answers = [
            await outsider.get(path),
            await outsider.patch(path, {"status": "failed"}),
            await outsider.delete(path),
            await outsider.get(f"{path}/permissions"),
            await outsider.post(
                f"{path}/permissions", {"user_id": people.other_user.id, "permission": "owner"}
            ),
            await outsider.put(f"{path}/permissions/{people.user.id}", {"permission": "viewer"}),
            await outsider.delete(f"{path}/permissions/{people.user.id}"),
        ]

        assert {(answer.status, answer.error) for answer in answers} == {(404, "not_found")}
        assert {answer.body["detail"] for answer in answers} == {"There is no such environment."}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?status=running", ["mine"]),
        ("?status=failed", []),
        ("?search=OUR", ["ours"]),
        ("?search=%25", []),
        ("?label=team:blue", ["mine"]),
        ("?label=team:green", []),
        ("?label=team:blue&status=pending", []),
        ("?search=i&label=team:blue&status=running", ["mine"]),
    ],
)
async def test_filters_narrow_what_one_may_see(
    people: People, boxes: dict[str, Any], query: str, found: list[str]
) -> None:
    assert await names(people.user.caller, query) == found


async def test_a_filter_by_user_shows_nothing_more(people: People, boxes: dict[str, Any]) -> None:
    mine, other = people.user.id, people.other_user.id

    assert await names(people.user.caller, f"?user_id={other}") == []
    assert await names(people.viewer.caller, f"?user_id={mine}") == ["ours"]
    assert await names(people.admin.caller, f"?user_id={mine}") == ["ours", "mine"]


@pytest.mark.parametrize(
    "query",
    [
        "?status=on",
        "?label=team",
        "?label=:blue",
        "?sort=name",
        "?sort=image",
        "?limit=0",
        "?limit=1001",
        "?search=",
        "?offset=-1",
    ],
)
async def test_a_filter_that_is_none_is_named(people: People, query: str) -> None:  # AZ-08
    answer = await people.user.caller.get(f"/environments{query}")

    assert (answer.status, answer.error) == (422, "validation_failed")


async def test_cursors_lead_through_all_of_them_while_others_come(people: People) -> None:
    made = [await register(people.user, f"box {number}") for number in range(7)]
    seen: list[str] = []
    query = "?limit=2"
    while True:
        answer = await people.user.caller.get(f"/environments{query}")
        seen += [each["id"] for each in answer.body["environments"]]
        if "next_cursor" not in answer.body:
            break
        query = f"?limit=2&cursor={answer.body['next_cursor']}"
        await register(people.user, "newer")

    assert seen == [each["id"] for each in reversed(made)]


async def test_a_cursor_is_of_its_list_and_filters_alone(people: People) -> None:  # AZ-08
    for number in range(3):
        await register(people.user, f"box {number}")
    cursor = (await people.user.caller.get("/environments?limit=1")).body["next_cursor"]
    turned = cursor[:-6] + ("A" if cursor[-6] != "A" else "B") + cursor[-5:]

    told = {
        (query, answer.status, answer.error)
        for query in (
            f"?cursor={turned}",
            f"?cursor={cursor}&status=running",
            f"?cursor={cursor[:-1]}",
            "?cursor=x",
        )
        for answer in [await people.user.caller.get(f"/environments{query}")]
    }
    assert {(status, error) for _, status, error in told} == {(400, "invalid_cursor")}
    other = await people.user.caller.get(f"/users/{people.user.id}/permissions?cursor={cursor}")
    assert (other.status, other.error) == (400, "invalid_cursor")
    both = await people.user.caller.get(f"/environments?cursor={cursor}&offset=1")
    assert (both.status, both.error) == (422, "validation_failed")


async def test_the_environments_of_a_user_are_those_it_was_granted(
    people: People, boxes: dict[str, Any]
) -> None:
    async def of(caller: Caller, user_id: str) -> list[str] | int:
        answer = await caller.get(f"/users/{user_id}/environments")
        if answer.status != 200:
            return answer.status
        assert answer.body["total"] == len(answer.body["environments"])
        return [each["name"] for each in answer.body["environments"]]

    await share(people.other_user, boxes["theirs"], people.admin, "editor")

    assert await of(people.user.caller, people.user.id) == ["ours", "mine"]
    assert await of(people.viewer.caller, people.viewer.id) == ["ours"]
    assert await of(people.admin.caller, people.viewer.id) == ["ours"]
    assert await of(people.admin.caller, people.admin.id) == ["theirs"]
    assert await of(people.admin.caller, "nobody") == 404
    assert await of(people.user.caller, people.viewer.id) == 403
    assert await of(people.user.caller, "nobody") == 403


async def test_a_read_only_key_sees_all_of_its_owners_and_owns_none(
    people: People, boxes: dict[str, Any]
) -> None:
    reader = people.user.live.with_key(await people.user.key())
    answer = await reader.get("/environments")

    assert {each["permission"] for each in answer.body["environments"]} == {"viewer"}
    assert await names(reader) == ["ours", "mine"]


async def test_a_key_without_environments_sees_none(people: People, boxes: dict[str, Any]) -> None:
    blind = people.super_admin.live.with_key(await people.super_admin.key(permissions=[]))

    assert await names(blind) == []
    assert (await blind.get(path_of(boxes["mine"]))).status == 404
