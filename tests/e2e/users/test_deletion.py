"""Deleting a user ends everything that hung on it, and nothing of it comes back."""

from __future__ import annotations

from agentbox.model.access.roles import Permission
from agentbox.model.environments import Environment, EnvironmentStatus, Grant
from agentbox.model.ids import new_id
from tests.e2e.people import People
from tests.live import USER_PASSWORD, Live


async def test_tokens_and_keys_of_a_deleted_user_end_at_once(live: Live, people: People) -> None:
    # JWT-11
    somebody = people.other_user
    key = await somebody.key()

    assert (await people.admin.caller.delete(somebody.path)).status == 204

    for caller in (somebody.caller, live.with_key(key), live.with_token(key)):
        answer = await caller.get("/auth/me")
        assert (answer.status, answer.error) == (401, "invalid_token")


async def test_the_same_name_made_again_revives_nothing(live: Live, people: People) -> None:
    # JWT-13
    somebody = people.other_user
    key, record = await live.make_key(somebody.caller)
    await people.admin.caller.patch(somebody.path, {"email": "somebody@example.com"})
    await people.admin.caller.delete(somebody.path)

    again = await live.make_user(somebody.username, email="somebody@example.com")

    assert again["id"] != somebody.id
    assert (await somebody.caller.get("/auth/me")).status == 401
    assert (await live.with_key(key).get("/auth/me")).status == 401
    fresh = await live.sign_in(somebody.username, USER_PASSWORD)
    assert (await fresh.get("/api-keys")).body == {"api_keys": [], "total": 0}
    assert (await fresh.get(f"/api-keys/{record['id']}")).status == 404
    assert (await people.admin.caller.get(somebody.path)).status == 404


async def add_environment(live: Live, *owners: str) -> str:
    """An environment of the first of these, owned by all of them."""
    now = live.runtime.clock.now()
    environment = Environment(
        id=new_id(),
        user_id=owners[0],
        name="sandbox",
        status=EnvironmentStatus.PENDING,
        created_at=now,
    )
    async with live.runtime.storage.transaction() as tx:
        await tx.environments.add(environment)
        for owner in owners:
            grant = Grant(
                id=new_id(),
                user_id=owner,
                environment_id=environment.id,
                permission=Permission.OWNER,
                granted_at=now,
            )
            await tx.grants.add(grant)
    return environment.id


async def test_no_permission_comes_back_with_the_name(live: Live, people: People) -> None:
    # JWT-13
    somebody = people.other_user
    alone = await add_environment(live, somebody.id)
    shared = await add_environment(live, somebody.id, people.user.id)
    assert (await people.admin.caller.delete(somebody.path)).status == 204

    again = await live.make_user(somebody.username)

    async with live.runtime.storage.transaction(read_only=True) as tx:
        for environment_id in (alone, shared):
            for user_id in (somebody.id, again["id"]):
                assert await tx.grants.get(user_id, environment_id) is None
        owners = [await tx.grants.owners(each) for each in (alone, shared)]
    assert owners == [[people.admin.id], [people.user.id]]


async def test_no_reset_secret_comes_back_with_the_name(live: Live, people: People) -> None:
    # JWT-13
    somebody = people.other_user
    issued = await people.admin.caller.post(f"{somebody.path}/reset-password")
    await people.admin.caller.delete(somebody.path)
    await live.make_user(somebody.username)

    body = {"username": somebody.username, "password": issued.body["secret"]}
    assert (await live.anonymous.post("/auth/login", body)).error == "invalid_credentials"


async def test_a_deletion_tells_who_inherits(live: Live, people: People) -> None:
    environment_id = await add_environment(live, people.other_user.id)

    await people.first.caller.delete(people.other_user.path)

    async with live.runtime.storage.transaction(read_only=True) as tx:
        deleted, granted = await tx.audit.last(2)
    assert (granted.event, deleted.event) == ("permission.grant", "user.delete")
    assert granted.actor == deleted.actor == f"user:{people.first.id}"
    assert dict(granted.details) == {
        "environment_id": environment_id,
        "user_id": people.first.id,
        "permission": "owner",
    }


async def test_a_viewer_inherits_nothing_that_it_could_only_look_at(
    live: Live, people: People
) -> None:
    # AZ-09
    environment_id = await add_environment(live, people.user.id, people.other_user.id)
    await people.admin.caller.patch(people.other_user.path, {"role": "viewer"})

    assert (await people.admin.caller.delete(people.user.path)).status == 204

    seen = (await people.admin.caller.get(f"/environments/{environment_id}")).body
    assert (seen["user_id"], seen["permission"]) == (people.admin.id, "owner")


async def test_the_old_id_is_an_unknown_one(people: People) -> None:
    somebody = people.other_user
    await people.admin.caller.delete(somebody.path)

    for method in ("GET", "PATCH", "DELETE"):
        answer = await people.admin.caller.request(method, somebody.path, json={})
        assert (answer.status, answer.error) == (404, "not_found")
    listed = (await people.admin.caller.get("/users")).body
    assert somebody.id not in {user["id"] for user in listed["users"]}


async def test_a_deleted_user_cannot_sign_in(live: Live, people: People) -> None:
    await people.admin.caller.delete(people.other_user.path)

    body = {"username": people.other_user.username, "password": USER_PASSWORD}
    answer = await live.anonymous.post("/auth/login", body)

    assert (answer.status, answer.error) == (401, "invalid_credentials")


async def test_an_answer_to_delete_has_no_body(people: People) -> None:
    answer = await people.admin.caller.delete(people.other_user.path)

    assert (answer.status, answer.text) == (204, "")
    assert "Content-Type" not in answer.headers


async def test_the_makers_of_keys_of_others_are_nobody_when_they_go(
    live: Live, people: People
) -> None:
    admin_key = await people.other_admin.key(scopes=["users:read"])
    assert (await live.with_key(admin_key).get("/users")).status == 200

    await people.first.caller.delete(people.other_admin.path)

    assert (await live.with_key(admin_key).get("/users")).status == 401
