"""Keys for single environments, and what they and their records say of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.environments.sandbox import path_of, register, share, shared
from tests.e2e.people import People
from tests.live import Caller, Live

WRITER = ["self:read", "api_keys:read", "api_keys:write"]


def entry(environment_id: str, permission: str) -> dict[str, str]:
    return {"environment_id": environment_id, "permission": permission}


@pytest.fixture
async def mine(people: People) -> str:
    """The id of an environment that the user owns."""
    return str((await register(people.user))["id"])


@pytest.fixture
async def theirs(people: People) -> str:
    """The id of an environment of somebody else's."""
    return str((await register(people.other_user))["id"])


async def may(caller: Caller, environment_id: str) -> str:
    """The most that a credential may do there, and why no more."""
    for permission in ("owner", "editor", "viewer"):
        question = entry(environment_id, permission)
        answer = (await caller.post("/authorize", question)).body
        if answer["allowed"]:
            return permission
    return str(answer["reason"])


async def test_the_entries_of_a_key_are_shown_wherever_it_is(
    live: Live, people: People, mine: str
) -> None:
    asked = [entry(mine, "editor")]
    made = await people.user.caller.post("/api-keys", {"permissions": asked})
    path = f"/api-keys/{made.body['id']}"
    me = (await live.with_key(made.body["key"]).get("/auth/me")).body["auth"]

    assert made.status == 201
    assert "all_environments" not in made.body
    one, listed = await people.user.caller.get(path), await people.user.caller.get("/api-keys")
    assert [made.body["permissions"], one.body["permissions"]] == [asked, asked]
    assert listed.body["api_keys"][0]["permissions"] == asked
    assert me["environments"] == asked
    assert "all_environments" not in me


async def test_entries_and_all_environments_are_shown_side_by_side(
    live: Live, people: People, mine: str
) -> None:
    body = {"permissions": [entry(mine, "owner")], "all_environments": "viewer"}
    made = await people.user.caller.post("/api-keys", body)
    me = (await live.with_key(made.body["key"]).get("/auth/me")).body["auth"]

    assert {name: made.body[name] for name in body} == body
    assert (me["environments"], me["all_environments"]) == (body["permissions"], "viewer")


async def test_a_session_has_no_entries(people: People) -> None:
    me = (await people.user.caller.get("/auth/me")).body["auth"]

    assert {"environments", "all_environments"} & set(me) == set()


async def test_the_entries_by_themselves(live: Live, people: People, mine: str) -> None:
    made = await people.user.caller.post("/api-keys", {"permissions": [entry(mine, "viewer")]})
    path = f"/api-keys/{made.body['id']}/permissions"
    answer = await people.user.caller.get(path)

    [shown] = answer.body["permissions"]
    assert answer.status == 200
    assert set(shown) == {"id", "api_key_id", "environment_id", "permission", "created_at"}
    assert shown["api_key_id"] == made.body["id"]
    assert (shown["environment_id"], shown["permission"]) == (mine, "viewer")
    # who sees the key sees its entries, and nobody else
    assert (await people.admin.caller.get(path)).body == answer.body
    assert (await people.other_user.caller.get(path)).status == 404
    assert (await people.user.caller.get("/api-keys/nothing/permissions")).status == 404


async def test_a_key_without_entries_has_none(live: Live, people: People) -> None:
    _, record = await live.make_key(people.user.caller)
    answer = await people.user.caller.get(f"/api-keys/{record['id']}/permissions")

    assert answer.body == {"permissions": []}


async def test_an_entry_of_an_environment_that_is_gone_stays_listed(
    live: Live, people: People, mine: str
) -> None:
    text, record = await live.make_key(people.user.caller, permissions=[entry(mine, "owner")])
    assert (await people.user.caller.delete(f"/environments/{mine}")).status == 204

    shown = (await people.user.caller.get(f"/api-keys/{record['id']}")).body
    assert shown["permissions"] == [entry(mine, "owner")]
    assert (await live.with_key(text).get("/auth/me")).status == 200


@pytest.mark.parametrize(
    ("permissions", "status", "error", "pointer"),
    [
        (["{mine} owner", "{mine} viewer"], 422, "validation_failed", "/permissions/1"),
        (["{mine} root"], 422, "validation_failed", "/permissions/0"),
        (["{mine} owner", "nowhere viewer"], 404, "not_found", None),
        (["{theirs} viewer"], 404, "not_found", None),
        ([" viewer"], 422, "validation_failed", "/permissions/0"),
        (["x' OR '1'='1 viewer"], 404, "not_found", None),
    ],
)
async def test_entries_that_can_not_be(
    people: People,
    mine: str,
    theirs: str,
    permissions: list[str],
    status: int,
    error: str,
    pointer: str | None,
) -> None:
    # AK-03 AZ-07
    named = [text.format(mine=mine, theirs=theirs).rpartition(" ") for text in permissions]
    body = {"permissions": [entry(on, permission) for on, _, permission in named]}
    answer = await people.user.caller.post("/api-keys", body)

    assert (answer.status, answer.error) == (status, error)
    if pointer:
        assert answer.body["errors"][0]["pointer"].startswith(pointer)
    assert (await people.user.caller.get("/api-keys")).body["total"] == 0


async def test_an_environment_of_another_and_none_at_all_are_told_alike(
    people: People, theirs: str
) -> None:
    # AZ-07
    answers = [
        await people.user.caller.post(
            "/api-keys", {"permissions": [entry(on, "viewer")]}, headers={"X-Request-Id": "x"}
        )
        for on in (theirs, "nowhere")
    ]

    assert answers[0].text == answers[1].text


async def test_no_more_than_one_holds_is_given(people: People) -> None:
    # AK-03
    held = (await shared(people.other_user, people.user, "editor"))["id"]
    found = {}
    for permission in ("viewer", "editor", "owner"):
        body = {"permissions": [entry(held, permission)]}
        answer = await people.user.caller.post("/api-keys", body)
        found[permission] = f"{answer.status} {answer.error or ''}".strip()

    assert found == {"viewer": "201", "editor": "201", "owner": "403 permission_exceeds_own"}


async def test_a_thousand_entries_are_the_most(people: People) -> None:
    body = {"permissions": [entry("e", "viewer")] * 1001}
    answer = await people.user.caller.post("/api-keys", body)

    assert (answer.status, answer.error) == (422, "validation_failed")


@pytest.mark.parametrize("scope", ["users:read", "roles:write", "audit:read", "system:read"])
async def test_a_key_for_some_environments_is_for_nothing_beyond_them(
    people: People, scope: str
) -> None:
    mine = (await register(people.admin))["id"]
    body: dict[str, Any] = {"permissions": [entry(mine, "owner")], "scopes": [scope]}
    limited = await people.admin.caller.post("/api-keys", body)
    wide = await people.admin.caller.post("/api-keys", body | {"all_environments": "viewer"})

    assert (limited.status, limited.error) == (422, "scope_conflict")
    assert wide.status == 201


async def test_a_keys_key_inherits_all_that_limits_it(
    live: Live, people: People, mine: str
) -> None:
    # AK-03
    limits = {
        "permissions": [entry(mine, "editor")],
        "allowed_cidrs": ["127.0.0.0/8"],
        "rate_limit": "50/minute",
        "expires_at": "2099-01-02T03:04:05Z",
    }
    text = await people.user.key(scopes=WRITER, **limits)
    made = await live.with_key(text).post("/api-keys", {})

    assert made.status == 201
    assert {name: made.body[name] for name in limits} == limits
    assert made.body["scopes"] == ["self:read"]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"permissions": [entry("{mine}", "editor")]}, "201"),
        ({"permissions": [entry("{mine}", "owner")]}, "403 permission_exceeds_own"),
        ({"permissions": [entry("{other}", "viewer")]}, "404 not_found"),
        ({"permissions": []}, "201"),
        ({"all_environments": "viewer"}, "403 permission_exceeds_own"),
        ({"allowed_cidrs": ["127.0.0.1"]}, "201"),
        ({"allowed_cidrs": ["0.0.0.0/0"]}, "422 validation_failed"),
        ({"allowed_cidrs": ["::1"]}, "422 validation_failed"),
        ({"rate_limit": "50/minute"}, "201"),
        ({"rate_limit": "51/minute"}, "422 validation_failed"),
        ({"scopes": ["self:write"]}, "403 scope_exceeds_own"),
    ],
    ids=str,
)
async def test_a_keys_key_gets_no_more(
    live: Live, people: People, mine: str, body: dict[str, Any], answer: str
) -> None:
    # AK-03
    other = (await register(people.user))["id"]
    text = await people.user.key(
        scopes=WRITER,
        permissions=[entry(mine, "editor")],
        allowed_cidrs=["127.0.0.0/8"],
        rate_limit="50/minute",
    )
    if body.get("permissions"):
        [asked] = body["permissions"]
        on = asked["environment_id"].format(mine=mine, other=other)
        body = {"permissions": [entry(on, asked["permission"])]}
    made = await live.with_key(text).post("/api-keys", body)

    assert f"{made.status} {made.error or ''}".strip() == answer


# --- what the key may do there -------------------------------------------------------------------


async def test_a_key_does_the_lesser_of_its_entry_and_what_its_owner_holds(
    live: Live, people: People
) -> None:
    # AK-04
    box = await shared(people.other_user, people.user, "editor")
    fields = {"permissions": [entry(box["id"], "editor")]}
    key = live.with_key(await people.user.key(**fields))
    found = [await may(key, box["id"])]
    grant = f"/environments/{box['id']}/permissions/{people.user.id}"
    for permission in ("viewer", "owner"):
        await people.other_user.caller.put(grant, {"permission": permission})
        found.append(await may(key, box["id"]))
    await people.other_user.caller.delete(grant)
    found.append(await may(key, box["id"]))

    assert found == ["editor", "viewer", "editor", "no_permission"]
    await share(people.other_user, box, people.user, "owner")
    assert await may(key, box["id"]) == "editor"


async def test_a_key_for_one_environment_sees_no_other(live: Live, people: People) -> None:
    # AK-04
    one, two = await register(people.user), await register(people.user)
    key = live.with_key(await people.user.key(permissions=[entry(one["id"], "owner")]))
    listed = (await key.get("/environments")).body

    assert [each["id"] for each in listed["environments"]] == [one["id"]]
    assert (await key.get(path_of(two))).status == 404
    assert [await may(key, each["id"]) for each in (one, two)] == ["owner", "no_permission"]


async def test_the_greater_of_an_entry_and_all_environments_counts(
    live: Live, people: People
) -> None:
    one, two = await register(people.user), await register(people.user)
    key = live.with_key(
        await people.user.key(permissions=[entry(one["id"], "owner")], all_environments="viewer")
    )

    assert [await may(key, each["id"]) for each in (one, two)] == ["owner", "viewer"]


@pytest.mark.parametrize("name", ["user", "super_admin"])
async def test_a_limit_holds_for_everyone(live: Live, people: People, name: str) -> None:
    # AK-04
    one, two = await register(people[name]), await register(people[name])
    key = live.with_key(await people[name].key(permissions=[entry(one["id"], "viewer")]))

    assert [await may(key, each["id"]) for each in (one, two)] == ["viewer", "no_permission"]


async def test_a_narrowed_and_a_rotated_key_may_do_what_they_say(
    live: Live, people: People, mine: str
) -> None:
    # AK-04
    text, record = await live.make_key(people.user.caller, permissions=[entry(mine, "owner")])
    key, path = live.with_key(text), f"/api-keys/{record['id']}"
    found = [await may(key, mine)]
    await people.user.caller.patch(path, {"permissions": [entry(mine, "viewer")]})
    found.append(await may(key, mine))
    rotated = await people.user.caller.post(f"{path}/rotate", {})
    found.append(await may(live.with_key(rotated.body["key"]), mine))
    await people.user.caller.patch(path, {"permissions": []})
    found.append(await may(key, mine))

    assert found == ["owner", "viewer", "viewer", "no_permission"]


async def test_a_key_that_is_refused_for_its_rate_is_not_answered_about_its_rights(
    live: Live, people: People, mine: str
) -> None:
    key = live.with_key(await people.user.key(rate_limit="1/hour"))
    answers = [await key.post("/authorize", entry(mine, "viewer")) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 429]
    assert answers[1].headers["Retry-After"].isdigit()
