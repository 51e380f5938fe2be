"""Somebody whom the provider knows still gives the password there again, where that is wanted."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from tests.openid.browser import parameters
from tests.real_provider.scene import Scene


async def test_a_fresh_sign_in_has_the_provider_ask_again(scene: Scene) -> None:
    async with scene.visitor() as ada:
        first = await ada.sign_in("certified")
        again = await ada.sign_in("certified")
        assert ada.forms == 1
        fresh = await ada.sign_in("certified", fresh="true")

        assert ada.forms == 2
    assert [each.status for each in (first, again, fresh)] == [200, 200, 200]


async def test_who_leaves_out_the_asking_is_not_signed_in(scene: Scene) -> None:
    async with scene.visitor() as ada:
        assert (await ada.sign_in("certified")).status == 200
        begun = await ada.begin("certified", fresh="true")
        query = parameters(begun.body["url"])
        assert (query.pop("max_age"), query.pop("prompt")) == ("0", "login")
        address = urlsplit(begun.body["url"])._replace(query=urlencode(query)).geturl()
        answer = await ada.ask("GET", await ada.visit(address))

        assert ada.forms == 1
    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert await scene.refusals() == ["not_fresh"]


async def test_a_password_given_before_the_sign_in_began_is_not_fresh(scene: Scene) -> None:
    # The one is told apart from the other by `auth_time`, which the provider signs.
    async with scene.visitor() as ada:
        assert (await ada.sign_in("certified")).status == 200
        scene.clock.advance(300)
        begun = await ada.begin("certified", fresh="true")
        address = begun.body["url"].replace("max_age=0", "max_age=600").replace("prompt=login", "")
        assert "max_age=600" in address
        assert "prompt=login" not in address
        answer = await ada.ask("GET", await ada.visit(address))

        assert ada.forms == 1
    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert await scene.refusals() == ["not_fresh"]


async def test_who_is_waved_through_is_as_fresh_as_the_provider_says(scene: Scene) -> None:
    # OA-07: it says so since it is asked, by `max_age`, for somebody of the last thirty days.
    answers = []
    async with scene.visitor() as ada:
        for later in (0, 660):
            scene.clock.advance(later)
            signed_in = await ada.sign_in("certified")
            caller = scene.live.with_token(signed_in.body["token"])
            answers.append(await caller.post("/auth/identities/certified/link", {}))

        assert ada.forms == 1
    assert [each.status for each in answers] == [200, 403]
    assert answers[1].error == "insufficient_user_authentication"
