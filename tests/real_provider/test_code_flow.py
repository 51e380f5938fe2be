"""The code flow at a provider that others have written and certified."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.openid.browser import parameters
from tests.real_provider.provider import RealProvider, real_provider
from tests.real_provider.scene import CALLBACK, PASSWORDS, PEOPLE, Scene, scene_at

RETURN_TO = "/app"


async def test_who_signs_in_there_becomes_a_user_of_the_lowest_role(scene: Scene) -> None:
    # OA-09
    async with scene.visitor() as ada:
        answer = await ada.sign_in("certified")

    assert answer.status == 200, answer.text
    user = answer.body["user"]
    assert (user["username"], user["email"], user["role"]) == ("ada", "ada@corp.test", "viewer")
    me = await scene.live.with_token(answer.body["token"]).get("/auth/me")
    assert (me.status, me.body["id"]) == (200, user["id"])


async def test_who_comes_back_is_the_same_user(scene: Scene) -> None:
    async with scene.visitor() as ada, scene.visitor() as ada_elsewhere:
        answers = [await each.sign_in("certified") for each in (ada, ada, ada_elsewhere)]

        # At the second time the provider knows her still, and asks for nothing.
        assert (ada.forms, ada_elsewhere.forms) == (1, 1)
    assert len({answer.body["user"]["id"] for answer in answers}) == 1


async def test_two_people_are_two_users(scene: Scene) -> None:
    async with scene.visitor("ada") as ada, scene.visitor("bob") as bob:
        answers = [await each.sign_in("certified") for each in (ada, bob)]

    assert [answer.body["user"]["username"] for answer in answers] == ["ada", "bob"]


async def test_the_answer_names_its_issuer(scene: Scene) -> None:  # OA-03
    async with scene.visitor() as ada:
        callback = await ada.returned("certified")
        assert parameters(callback)["iss"] == scene.provider.issuer
        answer = await ada.ask("GET", callback.replace("&iss=", "&was="))

    assert answer.error == "invalid_grant"
    assert await scene.refusals() == ["answer_issuer_missing"]


async def test_a_warm_sign_in_asks_for_tokens_and_for_the_address(scene: Scene) -> None:
    async with scene.visitor() as ada:
        await ada.sign_in("certified")
        scene.provider.asked()
        assert (await ada.sign_in("certified")).status == 200

    asked = scene.provider.asked()
    assert asked.pop("/auth") == 1  # by the browser
    assert asked == {"/token": 1, "/me": 1}


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA"])
async def test_tokens_signed_otherwise_and_with_all_in_them_do_too(
    folder: Path, tmp_path: Path, algorithm: str
) -> None:
    with real_provider(
        tmp_path,
        redirect_uris=[f"http://127.0.0.1:8080{CALLBACK}"],
        people=PEOPLE,
        algorithm=algorithm,
        full_id_token=True,
    ) as provider:
        async with scene_at(folder, provider, algorithm=algorithm) as scene:
            async with scene.visitor() as ada:
                answer = await ada.sign_in("certified")

            assert answer.status == 200, await scene.refusals()
            assert answer.body["user"]["email"] == "ada@corp.test"
            assert "/me" not in provider.asked()


async def test_who_cancels_there_is_not_signed_in(scene: Scene) -> None:
    async with scene.visitor(cancels=True) as ada:
        answer = await ada.sign_in("certified")

    assert answer.error == "invalid_grant"
    assert await scene.refusals() == ["denied"]


async def test_a_code_that_somebody_was_quicker_with_is_refused(scene: Scene) -> None:
    async with scene.visitor() as ada:
        callback = await ada.returned("certified")
        scene.provider.spend(parameters(callback)["code"])
        answer = await ada.ask("GET", callback)

    assert answer.error == "invalid_grant"
    assert scene.provider.refused() == ["authorization code already consumed"]
    assert await scene.refusals() == ["code_refused"]


async def test_a_code_of_somebody_else_is_refused_by_its_challenge(scene: Scene) -> None:
    # OA-02
    async with scene.visitor("ada") as ada, scene.visitor("bob") as bob:
        stolen = parameters(await ada.returned("certified"))["code"]
        callback = await bob.returned("certified")
        own = parameters(callback)["code"]
        answer = await bob.ask("GET", callback.replace(own, stolen))

    assert answer.error == "invalid_grant"
    assert scene.provider.refused() == ["code_verifier does not match code_challenge"]
    assert await scene.refusals() == ["code_refused"]


async def test_a_client_that_the_provider_does_not_know_is_refused(
    folder: Path, provider: RealProvider
) -> None:
    async with scene_at(folder, provider, client_secret="another secret") as scene:
        async with scene.visitor() as ada:
            answer = await ada.sign_in("certified")

        assert answer.error == "invalid_grant"
        assert await scene.refusals() == ["client_refused"]


@pytest.mark.parametrize("verified", [False, "true", None])
async def test_an_address_that_is_not_verified_is_not_taken_over(
    scene: Scene, verified: object
) -> None:  # OA-06
    sub = f"eve-{verified}"
    scene.provider.set_person(
        sub, password=PASSWORDS["ada"], email="eve@corp.test", email_verified=verified
    )
    async with scene.visitor() as eve:
        eve.sub = sub
        answer = await eve.sign_in("certified")

    assert answer.status == 200, answer.text
    assert answer.body["user"].get("email") is None


async def test_another_address_leads_to_the_same_user(scene: Scene) -> None:  # OA-05
    scene.provider.set_person(
        "cal", password=PASSWORDS["ada"], email="cal@corp.test", email_verified=True
    )
    async with scene.visitor() as cal:
        cal.sub = "cal"
        first = await cal.sign_in("certified")
        scene.provider.set_person("cal", email="someone@else.test")
        again = await cal.sign_in("certified")

    assert first.body["user"]["id"] == again.body["user"]["id"]
    assert again.body["user"]["email"] == "cal@corp.test"


async def test_who_is_disabled_while_on_the_way_does_not_come_in(scene: Scene) -> None:
    async with scene.visitor() as ada:
        signed_in = await ada.sign_in("certified")
        callback = await ada.returned("certified")
        user_id = signed_in.body["user"]["id"]
        assert (await scene.admin.post(f"/users/{user_id}/disable")).status == 200
        answer = await ada.ask("GET", callback)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert await scene.refusals() == ["inactive"]
    me = await scene.live.with_token(signed_in.body["token"]).get("/auth/me")
    assert me.status == 401


async def test_who_is_disabled_before_the_code_is_exchanged_does_not_come_in(
    scene: Scene,
) -> None:
    async with scene.visitor() as ada:
        signed_in = await ada.sign_in("certified")
        landed = await ada.sign_in("certified", return_to=RETURN_TO)
        user_id = signed_in.body["user"]["id"]
        assert (await scene.admin.post(f"/users/{user_id}/disable")).status == 200
        code = parameters(landed.headers["Location"])["code"]
        answer = await ada.ask("POST", "/api/v1/auth/exchange", json={"code": code})

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert await scene.refusals() == ["inactive"]


@pytest.mark.parametrize("keep", [True, False], ids=["beside the old one", "alone"])
async def test_a_new_key_is_fetched_when_a_token_names_it(scene: Scene, keep: bool) -> None:
    # JWT-04
    async with scene.visitor() as ada:
        assert (await ada.sign_in("certified")).status == 200
        scene.provider.rotate(keep=keep)
        scene.provider.asked()
        scene.clock.advance(11)
        answers = [await ada.sign_in("certified") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200], await scene.refusals()
    assert scene.provider.asked()["/jwks"] == 1


async def test_a_new_key_is_not_fetched_twice_in_ten_seconds(scene: Scene) -> None:  # JWT-04
    async with scene.visitor() as ada:
        assert (await ada.sign_in("certified")).status == 200
        scene.provider.rotate(keep=False)
        scene.provider.asked()
        refused = await ada.sign_in("certified")
        asked_at_once = scene.provider.asked()
        scene.clock.advance(11)
        answer = await ada.sign_in("certified")

    assert refused.error == "invalid_grant"
    assert "/jwks" not in asked_at_once
    assert answer.status == 200
    assert scene.provider.asked()["/jwks"] == 1
