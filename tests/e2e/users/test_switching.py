"""Enable, disable and bulk: what they answer, and what is left of somebody afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.people import People, Person
from tests.live import USER_PASSWORD, Live


async def test_disable_and_enable_give_the_user(live: Live, people: People) -> None:
    # JWT-11
    somebody = people.other_user
    key = live.with_key(await somebody.key())

    off = await people.admin.caller.post(f"{somebody.path}/disable")
    while_off = [(await caller.get("/auth/me")).status for caller in (somebody.caller, key)]
    on = await people.admin.caller.post(f"{somebody.path}/enable")

    assert (off.status, off.body["status"]) == (200, "inactive")
    assert (on.status, on.body["status"]) == (200, "active")
    assert off.body["id"] == on.body["id"] == somebody.id
    assert on.body == (await people.admin.caller.get(somebody.path)).body
    assert while_off == [401, 401]
    assert (await somebody.caller.get("/auth/me")).status == 401  # its sessions ended for good
    assert (await key.get("/auth/me")).status == 200
    await live.sign_in(somebody.username, USER_PASSWORD)


async def test_one_who_is_suspended_becomes_active(people: People) -> None:
    path = people.other_user.path
    await people.admin.caller.patch(path, {"status": "suspended"})

    answer = await people.admin.caller.post(f"{path}/enable")

    assert (answer.status, answer.body["status"]) == (200, "active")


@pytest.mark.parametrize("action", ["enable", "disable"])
async def test_the_second_time_it_is_no_change(people: People, action: str) -> None:
    path = f"{people.other_user.path}/{action}"
    first = await people.admin.caller.post(path)
    second = await people.admin.caller.post(path)

    assert (second.status, second.body) == (200, first.body)


@pytest.mark.parametrize("action", ["enable", "disable", "reset-password", "unlock"])
async def test_a_body_sent_along_is_not_read(people: People, action: str) -> None:
    answer = await people.admin.caller.request(
        "POST", f"{people.other_user.path}/{action}", data=b"{", headers={"Content-Type": "x/y"}
    )

    assert answer.status in {200, 201}


async def test_a_disabled_one_is_told_what_everybody_is(live: Live, people: People) -> None:
    # PW-01
    body = {"username": people.other_user.username, "password": USER_PASSWORD}
    await people.admin.caller.post(f"{people.other_user.path}/disable")
    nobody = await live.anonymous.post("/auth/login", body | {"username": "nobody"})

    answer = await live.anonymous.post("/auth/login", body)

    ignored = {"request_id": ""}
    assert (answer.status, answer.body | ignored) == (nobody.status, nobody.body | ignored)


# --- bulk ---------------------------------------------------------------------------------------


def of(*people: Person | str, action: str = "disable") -> dict[str, Any]:
    ids = [each if isinstance(each, str) else each.id for each in people]
    return {"ids": ids, "action": action}


async def test_each_is_judged_alone_in_the_order_given(people: People) -> None:
    # AZ-03
    body = of("nobody", people.other_super_admin, people.user, people.admin,
              people.other_admin, people.viewer)  # fmt: skip

    answer = await people.admin.caller.post("/users/bulk", body)

    assert answer.status == 200
    assert answer.body == {
        "results": [
            {"id": "nobody", "ok": False, "error": "not_found"},
            {"id": people.other_super_admin.id, "ok": False, "error": "insufficient_rank"},
            {"id": people.user.id, "ok": True},
            {"id": people.admin.id, "ok": False, "error": "self_forbidden"},
            {"id": people.other_admin.id, "ok": False, "error": "insufficient_rank"},
            {"id": people.viewer.id, "ok": True},
        ]
    }
    alive = [people.other_super_admin, people.admin, people.other_admin]
    assert [(await each.caller.get("/auth/me")).status for each in alive] == [200] * 3
    gone = [people.user, people.viewer]
    assert [(await each.caller.get("/auth/me")).status for each in gone] == [401] * 2


async def test_enabling_several_lets_them_sign_in_again(live: Live, people: People) -> None:
    both = (people.user, people.other_user)
    await people.admin.caller.post("/users/bulk", of(*both))

    answer = await people.admin.caller.post("/users/bulk", of(*both, action="enable"))

    assert [each["ok"] for each in answer.body["results"]] == [True, True]
    for each in both:
        await live.sign_in(each.username, USER_PASSWORD)


async def test_the_last_super_admin_is_left_by_a_bulk(live: Live, people: People) -> None:
    # AZ-05
    three = (people.first, people.super_admin, people.other_super_admin)

    answer = await people.first.caller.post("/users/bulk", of(*three))

    assert [each.get("error") for each in answer.body["results"]] == ["self_forbidden", None, None]
    query = "/users?role=super_admin&status=active"
    assert (await people.first.caller.get(query)).body["total"] == 1


async def test_a_hundred_at_once_are_the_most(people: People) -> None:
    many = [f"nobody-{number}" for number in range(101)]

    answer = await people.admin.caller.post("/users/bulk", of(*many[:100]))
    over = await people.admin.caller.post("/users/bulk", of(*many))

    assert [each["error"] for each in answer.body["results"]] == ["not_found"] * 100
    assert (over.status, over.error) == (422, "validation_failed")
    assert over.body["errors"][0]["pointer"] == "/ids"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ids": [], "action": "disable"}, "/ids"),
        ({"ids": "x", "action": "disable"}, "/ids"),
        ({"ids": ["a", 1], "action": "disable"}, "/ids/1"),
        ({"ids": ["a", None], "action": "disable"}, "/ids/1"),
        ({"ids": ["a", ""], "action": "disable"}, "/ids/1"),
        ({"ids": ["a", "x" * 129], "action": "disable"}, "/ids/1"),
        ({"ids": ["a", "b", "a"], "action": "disable"}, "/ids/2"),
        ({"ids": ["a"], "action": "delete"}, "/action"),
        ({"ids": ["a"], "action": "suspend"}, "/action"),
        ({"ids": ["a"], "action": ["disable"]}, "/action"),
        ({"ids": ["a"], "action": None}, "/action"),
        ({"ids": ["a"]}, "/action"),
        ({"action": "disable"}, "/ids"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_no_bulk_is_422(people: People, body: Any, pointer: str) -> None:
    # AZ-04
    answer = await people.first.caller.post("/users/bulk", body)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.body["errors"]] == [pointer]


@pytest.mark.parametrize("role", ["viewer", "user"])
async def test_others_do_it_to_nobody(people: People, role: str) -> None:
    for body in (of(people.other_viewer), of(people[role]), of("nobody"), {"ids": 1}):
        answer = await people[role].caller.post("/users/bulk", body)
        assert (answer.status, answer.error) == (403, "insufficient_role")
    assert (await people.other_viewer.caller.get("/auth/me")).status == 200


async def test_a_key_needs_users_write(live: Live, people: People) -> None:
    # AK-04
    reader = live.with_key(await people.first.key(scopes=["users:read", "users:credentials"]))
    writer = live.with_key(await people.first.key(scopes=["users:write"]))

    refused = await reader.post("/users/bulk", of(people.user))
    answer = await writer.post("/users/bulk", of(people.user))

    assert (refused.status, refused.error) == (403, "insufficient_scope")
    assert answer.body == {"results": [{"id": people.user.id, "ok": True}]}


async def test_bulk_is_no_user(people: People) -> None:
    caller = people.first.caller

    for method in ("GET", "PATCH", "PUT", "DELETE"):
        options = {"json": {}} if method.startswith("P") else {}
        answer = await caller.request(method, "/users/bulk", **options)
        assert (answer.status, answer.error) == (404, "not_found")
    assert (await caller.post("/users/bulk/enable")).error == "not_found"
    assert (await caller.post("/users/x/bulk")).status == 404
