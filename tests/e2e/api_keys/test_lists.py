"""GET /api-keys and its filters; whose keys one sees, and whose one revokes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.people import ROLES, People
from tests.live import Live, ShiftedClock


async def ids(people: People, name: str, query: str = "") -> list[str]:
    answer = await people[name].caller.get(f"/api-keys{query}")
    assert answer.status == 200, answer.text
    assert answer.body["total"] == len(answer.body["api_keys"])
    return [key["id"] for key in answer.body["api_keys"]]


@pytest.fixture
async def key_of(live: Live, people: People) -> dict[str, str]:
    """The id of one key of everybody's."""
    made = {}
    for role in ROLES:
        for name in (role, f"other_{role}"):
            _, record = await live.make_key(people[name].caller)
            made[name] = record["id"]
    return made


@pytest.mark.parametrize("role", ROLES)
async def test_a_list_holds_ones_own(people: People, key_of: dict[str, str], role: str) -> None:
    assert await ids(people, role) == [key_of[role]]
    assert await ids(people, role, f"?user_id={people[role].id}") == [key_of[role]]


async def test_newest_first_in_pages(live: Live, people: People) -> None:
    made = [(await live.make_key(people.user.caller))[1]["id"] for _ in range(3)]

    assert await ids(people, "user") == made[::-1]
    page = (await people.user.caller.get("/api-keys?limit=1&offset=1")).body
    assert ([key["id"] for key in page["api_keys"]], page["total"]) == ([made[1]], 3)


async def test_lists_by_state(live: Live, people: People, clock: ShiftedClock) -> None:
    caller = people.user.caller
    made = {
        name: (await live.make_key(caller, **fields))[1]["id"]
        for name, fields in {
            "active": {"expires_in": 10},
            "expired": {"expires_in": 1},
            "revoked": {},
        }.items()
    }
    await caller.delete(f"/api-keys/{made['revoked']}")
    clock.advance(2 * 86_400)
    people.user.caller = await live.sign_in(people.user.username)

    for state, key_id in made.items():
        assert await ids(people, "user", f"?state={state}") == [key_id]
    assert set(await ids(people, "user")) == set(made.values())


OWN_AND = {
    "admin": {"admin", "viewer", "other_viewer", "user", "other_user"},
    "super_admin": {f"{other}{role}" for role in ROLES for other in ("", "other_")},
}


@pytest.mark.parametrize("role", OWN_AND)
async def test_all_holds_ones_own_and_those_of_lower_rank(
    people: People, key_of: dict[str, str], role: str
) -> None:
    assert set(await ids(people, role, "?all=true")) == {key_of[name] for name in OWN_AND[role]}


@pytest.mark.parametrize("role", ["viewer", "user"])
@pytest.mark.parametrize("query", ["?all=true", "?user_id=nobody", "?user_id={other}"])
async def test_who_is_no_admin_lists_no_others(people: People, role: str, query: str) -> None:
    # AZ-07
    path = "/api-keys" + query.replace("{other}", people.other_viewer.id)

    answer = await people[role].caller.get(path)

    assert (answer.status, answer.error) == (403, "insufficient_role")


RANK = {
    "admin": {"viewer": 200, "user": 200, "admin": 403, "super_admin": 403},
    "super_admin": dict.fromkeys(ROLES, 200),
}


@pytest.mark.parametrize("role", RANK)
async def test_keys_of_one_other(people: People, key_of: dict[str, str], role: str) -> None:
    # AZ-03
    found = {}
    for target in ROLES:
        name = f"other_{target}"
        answer = await people[role].caller.get(f"/api-keys?user_id={people[name].id}")
        found[target] = answer.status
        if answer.status == 200:
            assert [key["id"] for key in answer.body["api_keys"]] == [key_of[name]]
        else:
            assert answer.error == "insufficient_rank"

    assert found == RANK[role]
    assert (await people[role].caller.get("/api-keys?user_id=nobody")).status == 404


SEEN: dict[str, dict[str, tuple[int, int]]] = {
    "viewer": dict.fromkeys(ROLES, (404, 404)),
    "user": dict.fromkeys(ROLES, (404, 404)),
    "admin": {
        "viewer": (200, 204),
        "user": (200, 204),
        "admin": (404, 404),
        "super_admin": (404, 404),
    },
    "super_admin": dict.fromkeys(ROLES, (200, 204)),
}


@pytest.mark.parametrize("role", ROLES)
async def test_a_key_of_somebody_else(
    live: Live, people: People, key_of: dict[str, str], role: str
) -> None:
    # AZ-03 AZ-07
    found = {}
    unknown = await people[role].caller.get("/api-keys/nobody", headers={"X-Request-Id": "x"})
    for target in ROLES:
        path = f"/api-keys/{key_of[f'other_{target}']}"
        read = await people[role].caller.get(path, headers={"X-Request-Id": "x"})
        revoked = await people[role].caller.delete(path)
        found[target] = (read.status, revoked.status)
        if read.status == 404:
            assert read.text == unknown.text

    assert found == SEEN[role]


async def test_a_refused_revocation_revokes_nothing(live: Live, people: People) -> None:
    text, record = await live.make_key(people.other_user.caller)

    assert (await people.user.caller.delete(f"/api-keys/{record['id']}")).status == 404

    assert (await live.with_key(text).get("/auth/me")).status == 200


async def test_a_key_sees_others_keys_with_the_scope_for_them_alone(
    live: Live, people: People, key_of: dict[str, str]
) -> None:
    narrow = live.with_key(await people.admin.key(scopes=["api_keys:read", "api_keys:write"]))
    wide = live.with_key(await people.admin.key(scopes=["api_keys:read", "users:credentials"]))
    path = f"/api-keys/{key_of['user']}"

    assert (await narrow.get(path)).status == 404
    assert (await narrow.delete(path)).status == 404
    assert (await narrow.get("/api-keys?all=true")).error == "insufficient_scope"
    assert (await wide.get(path)).status == 200
    assert (await wide.delete(path)).error == "insufficient_scope"


BAD: list[tuple[str, int, str]] = [
    ("?state=", 422, "validation_failed"),
    ("?state=dead", 422, "validation_failed"),
    ("?state=Active", 422, "validation_failed"),
    ("?all=maybe", 422, "validation_failed"),
    ("?all=", 422, "validation_failed"),
    ("?user_id=", 422, "validation_failed"),
    ("?user_id=%00", 422, "validation_failed"),
    ("?user_id=" + "x" * 129, 422, "validation_failed"),
    ("?all=true&user_id=x", 422, "validation_failed"),
    ("?limit=0", 422, "validation_failed"),
    ("?limit=1001", 422, "validation_failed"),
    ("?offset=-1", 422, "validation_failed"),
    ("?sort=digest", 422, "validation_failed"),
    ("?sort=-last_used", 422, "validation_failed"),
    ("?cursor=x", 400, "invalid_cursor"),
    ("?cursor=", 400, "invalid_cursor"),
    ("?all=true&all=true", 400, "invalid_request"),
]


@pytest.mark.parametrize(("query", "status", "error"), BAD)
async def test_bad_filters(people: People, query: str, status: int, error: str) -> None:
    # AZ-08
    answer = await people.admin.caller.get(f"/api-keys{query}")

    assert (answer.status, answer.error) == (status, error)


@pytest.mark.parametrize("query", ["?digest=x", "?key=ak_live_x", "?owner=x", "?hash[]=1"])
async def test_what_is_not_shown_cannot_be_asked_for(people: People, query: str) -> None:
    # AZ-08
    await people.user.key()

    assert len(await ids(people, "user", query)) == 1


async def test_a_record_holds_neither_digest_nor_secret(people: People) -> None:
    # AK-01
    key = await people.user.key()
    listed: Any = await people.user.caller.get("/api-keys")

    assert key.rpartition("_")[2] not in listed.text
    assert "digest" not in listed.text
