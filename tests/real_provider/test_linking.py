"""A sign-in at the certified provider, added to a user who is there already, and taken away."""

from __future__ import annotations

from collections import Counter

from tests.live import USER_PASSWORD, Caller
from tests.real_provider.scene import Scene


async def identities(caller: Caller) -> list[dict[str, str]]:
    """One's own, as the list shows them."""
    answer = await caller.get("/auth/identities")
    assert answer.status == 200, answer.text
    return list(answer.body["identities"])


async def test_it_is_linked_used_and_taken_away(scene: Scene) -> None:  # OA-07
    user = await scene.live.make_user("ada.l")
    caller = await scene.live.sign_in("ada.l")
    async with scene.visitor() as ada:
        linked = await ada.linked(caller, "certified", current_password=USER_PASSWORD)
        assert linked.status == 204, linked.text
        (identity,) = await identities(caller)
        signed_in = await ada.sign_in("certified")
        gone = await caller.delete(f"/auth/identities/{identity['id']}")
        again = await ada.sign_in("certified")

    assert (identity["provider"], identity["email"]) == ("certified", "ada@corp.test")
    assert (signed_in.status, signed_in.body["user"]["id"]) == (200, user["id"])
    assert gone.status == 204
    assert await identities(caller) == []
    # She is nobody's now, so somebody is made for her; the user of the password is left alone.
    assert (again.status, again.body["user"]["role"]) == (200, "viewer")
    assert again.body["user"]["id"] != user["id"]
    ended = await scene.live.with_token(signed_in.body["token"]).get("/auth/me")
    assert ended.status == 401


async def test_it_is_not_linked_without_the_password(scene: Scene) -> None:  # OA-07
    await scene.live.make_user("ada.l")
    caller = await scene.live.sign_in("ada.l")
    path = "/auth/identities/certified/link"

    assert (await caller.post(path, {})).status == 422
    assert (await caller.post(path, {"current_password": "wrong"})).error == "invalid_password"
    assert scene.provider.asked() == Counter({"/.well-known/openid-configuration": 1})


async def test_who_was_disabled_on_the_way_links_nothing(scene: Scene) -> None:  # OA-07
    user = await scene.live.make_user("ada.l")
    caller = await scene.live.sign_in("ada.l")
    async with scene.visitor() as ada:
        begun = await ada.ask(
            "POST",
            "/api/v1/auth/identities/certified/link",
            json={"current_password": USER_PASSWORD},
            headers=caller.headers,
        )
        callback = await ada.visit(begun.body["url"])
        assert (await scene.admin.post(f"/users/{user['id']}/disable")).status == 200
        answer = await ada.ask("GET", callback)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert await scene.refusals() == ["session"]
    record = await scene.admin.get(f"/users/{user['id']}")
    assert record.body.get("identities", []) == []


async def test_what_is_linked_to_one_user_is_linked_to_no_other(scene: Scene) -> None:  # OA-05
    callers = []
    for name in ("ada.l", "ada.m"):
        await scene.live.make_user(name)
        callers.append(await scene.live.sign_in(name))
    async with scene.visitor() as ada:
        answers = [
            await ada.linked(caller, "certified", current_password=USER_PASSWORD)
            for caller in callers
        ]

    assert [answer.status for answer in answers] == [204, 401]
    assert await scene.refusals() == ["identity_taken"]
    assert await identities(callers[1]) == []


async def test_an_address_that_a_user_has_here_is_no_link_by_itself(scene: Scene) -> None:
    # OA-07
    user = await scene.live.make_user("ada.l", email="ada@corp.test")
    async with scene.visitor() as ada:
        answer = await ada.sign_in("certified")

    assert answer.error == "invalid_grant"
    assert await scene.refusals() == ["email_taken"]
    record = await scene.admin.get(f"/users/{user['id']}")
    assert record.body.get("identities", []) == []


async def test_the_last_way_in_is_kept(scene: Scene) -> None:
    async with scene.visitor() as ada:
        signed_in = await ada.sign_in("certified")
    caller = scene.live.with_token(signed_in.body["token"])
    (identity,) = await identities(caller)
    refused = await caller.delete(f"/auth/identities/{identity['id']}")
    body = {"new_password": USER_PASSWORD}
    changed = await caller.post("/auth/change-password", body)
    gone = await caller.delete(f"/auth/identities/{identity['id']}")

    assert refused.status == 409
    assert changed.status in {200, 204}, changed.text
    assert gone.status == 204
    assert (await (await scene.live.sign_in("ada")).get("/auth/me")).body["username"] == "ada"
