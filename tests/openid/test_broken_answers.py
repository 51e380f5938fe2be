"""A provider that answers what can't be used: no session, one sentence, the reason in the audit."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.openid.answers import BROKEN, HUGE, Sent, body, endless, of_json, redirect
from tests.openid.fake_provider import Answerer, FakeProvider, listening
from tests.openid.refusing import UNAVAILABLE, Twist, refused
from tests.openid.scene import Scene

PLACES = ("token", "keys", "userinfo")


def instead(place: str, answerer: Answerer) -> Twist:
    """Another answer in this place, which is asked."""

    def twist(provider: FakeProvider) -> None:
        provider.instead = {place: answerer}
        if place == "keys":
            provider.header = {"kid": "one that is not known yet"}
        if place == "userinfo":
            provider.claims = {"email": ..., "email_verified": ...}

    return twist


@pytest.mark.parametrize("place", PLACES)
async def test_what_is_no_answer_ends_the_sign_in(scene: Scene, place: str) -> None:
    # OA-11, IV-04
    twists = {name: instead(place, answerer) for name, (answerer, _) in BROKEN.items()}

    found = await refused(scene, twists, told=UNAVAILABLE, between=10)

    assert found == {name: f"provider_{reason}" for name, (_, reason) in BROKEN.items()}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("told", [True, False], ids=["by its length", "as it comes"])
async def test_what_is_too_large_is_not_read(scene: Scene, place: str, told: bool) -> None:
    # OA-11, OP-07
    sent = Sent()
    twists = {"50 MB": instead(place, endless(sent, told=told))}

    assert await refused(scene, twists, told=UNAVAILABLE, between=10) == {"50 MB": "provider_size"}
    # What fits into the buffers of both ends is on its way before anybody can hang up.
    assert sent.bytes < HUGE / 2


@pytest.mark.parametrize("place", PLACES)
async def test_nobody_is_followed_elsewhere(scene: Scene, place: str) -> None:
    # JWT-03, OP-07, OA-11
    hits: list[str] = []

    async def collaborator(request: web.Request) -> web.StreamResponse:
        hits.append(request.path)
        return web.json_response({})

    async with listening(collaborator) as port:
        targets = (f"http://127.0.0.1:{port}/else", f"//127.0.0.1:{port}/else")
        own = f"{scene.provider.issuer}/{place}"
        twists = {
            f"{status} to {target}": instead(place, redirect(status, target))
            for status in (301, 302, 303, 307, 308)
            for target in (*targets, own)
        }
        found = await refused(scene, twists, told=UNAVAILABLE, between=10)

    assert set(found.values()) == {"provider_redirect"}
    assert hits == []


def token(**changes: Any) -> Twist:
    def twist(provider: FakeProvider) -> None:
        provider.token_answer = changes

    return twist


async def test_what_the_token_endpoint_refuses_is_refused(scene: Scene) -> None:
    # OA-11
    def error(word: Any, status: int) -> Twist:
        return instead("token", of_json({"error": word}, status))

    twists = {
        "code": (error("invalid_grant", 400), "code_refused"),
        "code, by 401": (error("invalid_grant", 401), "code_refused"),
        "no word for it": (error(None, 400), "code_refused"),
        "a table for a word": (error({"invalid_client": 1}, 403), "code_refused"),
        "client": (error("invalid_client", 401), "client_refused"),
        "client, by 400": (error("unauthorized_client", 400), "client_refused"),
        "client, without a word": (instead("token", body(b"", 401)), "client_refused"),
        "client, in an empty object": (instead("token", of_json({}, 401)), "client_refused"),
        "client, in HTML": (
            instead("token", body(b"<h1>401</h1>", 401, "text/html")),
            "client_refused",
        ),
        "client, by no word": (error(["invalid_grant"], 401), "client_refused"),
        "type, none": (token(token_type=...), "token_type"),
        "type, another": (token(token_type="DPoP"), "token_type"),
        "type, null": (token(token_type=None), "token_type"),
        "type, a list": (token(token_type=["Bearer"]), "token_type"),
    }
    found = await refused(scene, {name: twist for name, (twist, _) in twists.items()})

    assert found == {name: reason for name, (_, reason) in twists.items()}


async def test_a_wrong_client_secret_is_called_that_in_the_log(scene: Scene) -> None:
    instead("token", body(b"", 401))(scene.provider)
    with capture_logs() as lines:
        await scene.sign_in()

    told = [line for line in lines if line["event"] == "provider_knows_no_such_client"]
    assert [(line["log_level"], line["provider"]) for line in told] == [("error", "fake")]


async def test_userinfo_of_somebody_else_is_refused(scene: Scene) -> None:
    # OA-03
    def userinfo(**changes: Any) -> Twist:
        def twist(provider: FakeProvider) -> None:
            provider.claims = {"email": ..., "email_verified": ...}
            provider.userinfo = changes

        return twist

    twists = {
        f"subject {subject!r}": userinfo(sub=subject)
        for subject in ("eve", "", None, 0, ..., "Subject-of-ada", ["subject-of-ada"])
    }
    found = await refused(scene, twists)

    assert set(found.values()) == {"userinfo_subject"}
