"""A provider whose addresses change while its issuer stays: found again without a restart."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.openid.answers import body, of_json, redirect
from tests.openid.fake_provider import Answerer, FakeProvider
from tests.openid.gate import DOCUMENT, Gate
from tests.openid.scene import Scene

UNAVAILABLE = (503, "authenticator_unavailable")

LEFT: dict[str, Answerer] = {
    "status": of_json({}, 404),
    "content": body(b"<h1>We have moved</h1>", kind="text/html"),
    "redirect": redirect(308, "/new"),
}
"""What stands at the old addresses, each with the word for it."""


def moved(provider: FakeProvider, answer: Answerer, *places: str) -> None:
    """These places are elsewhere from now on."""

    def at(place: str) -> Answerer:
        async def answering(request: web.Request) -> web.StreamResponse:
            if request.path.startswith("/new/"):
                return await provider.rightly(place, request)
            return await answer(request)

        return answering

    names = {"token": "token_endpoint", "keys": "jwks_uri"}
    provider.metadata = {names[place]: f"{provider.issuer}/new/{place}" for place in places}
    provider.instead = {place: at(place) for place in places}


@pytest.mark.parametrize("word", LEFT)
@pytest.mark.parametrize("places", [("token",), ("keys",), ("token", "keys")], ids=str)
async def test_one_that_has_moved_is_found_by_the_next_sign_in(
    scene: Scene, word: str, places: tuple[str, ...]
) -> None:
    assert (await scene.sign_in()).status == 200
    moved(scene.provider, LEFT[word], *places)
    scene.advance(3600)  # the keys are asked for anew
    lost = await scene.sign_in()
    with capture_logs() as lines:
        found = await scene.sign_in()
    scene.admin = await scene.live.admin()  # whose token was for less than that

    assert (lost.status, lost.error) == UNAVAILABLE
    assert found.status == 200
    assert await scene.refusals() == [f"provider_{word}"]
    assert scene.provider.asked[DOCUMENT] == 2
    assert [line["provider"] for line in lines if line["event"] == "provider_moved"] == ["fake"]


async def test_its_document_is_asked_for_every_ten_seconds_at_most(scene: Scene) -> None:
    scene.provider.instead = {"token": of_json({}, 500)}
    with capture_logs() as lines:
        for asked in (1, 2, 3):
            for _ in range(3):
                assert (await scene.sign_in()).status == 503
            # The first time it was the start that asked.
            assert scene.provider.asked[DOCUMENT] == asked
            scene.advance(10)
    scene.provider.straighten()

    assert (await scene.sign_in()).status == 200
    # It said the same each time.
    assert [line for line in lines if line["event"] == "provider_moved"] == []


@pytest.mark.parametrize("status", [400, 403])
async def test_a_refused_code_is_no_reason_to_ask(scene: Scene, status: int) -> None:
    scene.provider.instead = {"token": of_json({"error": "invalid_grant"}, status)}
    for _ in range(3):
        scene.advance(10)
        assert (await scene.sign_in()).status == 401

    assert scene.provider.asked[DOCUMENT] == 1


async def test_one_that_comes_back_as_somebody_else_is_not_followed(scene: Scene) -> None:
    # OA-04
    moved(scene.provider, of_json({}, 404), "token")
    scene.provider.metadata["issuer"] = "https://accounts.evil.test"
    assert (await scene.sign_in()).status == 503
    scene.advance(10)
    asked = scene.provider.asked["token"]
    answers = [await scene.browser().begin("fake") for _ in range(2)]

    assert [(answer.status, answer.error) for answer in answers] == [UNAVAILABLE] * 2
    assert (await scene.refusals())[1:] == ["provider_metadata", "provider_undiscovered"]
    assert scene.provider.asked["token"] == asked
    del scene.provider.metadata["issuer"]
    scene.advance(10)
    assert (await scene.sign_in()).status == 200


async def test_one_that_was_away_is_where_it_was_if_its_document_is_still_away(
    scene: Scene,
) -> None:
    # OA-11: otherwise whoever makes a provider stumble would keep all others out for ten seconds
    scene.provider.instead = {"token": of_json({}, 503), DOCUMENT: of_json({}, 503)}
    assert (await scene.sign_in()).status == 503
    scene.advance(10)
    assert (await scene.sign_in()).status == 503
    del scene.provider.instead["token"]

    assert (await scene.sign_in()).status == 200
    assert scene.provider.asked[DOCUMENT] == 2


async def test_while_one_asks_where_it_is_others_go_where_it_was(scene: Scene) -> None:
    # OA-11
    scene.provider.instead = {"token": of_json({}, 503)}
    assert (await scene.sign_in()).status == 503
    scene.advance(10)
    gate = Gate(scene.provider, DOCUMENT)
    scene.provider.asked.clear()
    asking = asyncio.create_task(scene.sign_in())
    await gate.is_full()
    answer = await scene.sign_in()
    still_asking = not asking.done()
    gate.open()

    assert (answer.status, still_asking) == (200, True)
    assert (await asking).status == 200
    assert scene.provider.asked[DOCUMENT] == 1


async def test_keys_that_stay_where_they_are_are_not_asked_for_again(scene: Scene) -> None:
    # JWT-04
    assert (await scene.sign_in()).status == 200
    moved(scene.provider, of_json({}, 404), "token")
    scene.advance(10)
    assert (await scene.sign_in()).status == 503

    assert (await scene.sign_in()).status == 200
    assert scene.provider.asked["keys"] == 1
