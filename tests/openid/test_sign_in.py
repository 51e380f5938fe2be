"""A sign-in at a provider that does everything right, from the first click to the session."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections import Counter
from pathlib import Path

import pytest

from tests.live import ShiftedClock
from tests.openid.browser import parameters
from tests.openid.fake_provider import FakeProvider, fake_provider
from tests.openid.scene import RETURN_TO, Scene, scene_at


async def test_who_signs_in_becomes_a_user_of_the_lowest_role(scene: Scene) -> None:  # OA-09
    scene.provider.person |= {"role": "super_admin", "roles": ["admin"], "groups": ["admins"]}
    answer = await scene.sign_in()

    assert answer.status == 200, answer.text
    user = answer.body["user"]
    assert (user["username"], user["role"]) == ("ada", "viewer")
    caller = scene.live.with_token(answer.body["token"])
    assert (await caller.get("/environments")).body["total"] == 0


async def test_who_comes_back_is_the_same_user(scene: Scene) -> None:
    first = await scene.sign_in()
    again = await scene.sign_in()

    assert first.body["user"]["id"] == again.body["user"]["id"]


async def test_tokens_come_in_a_body_that_is_not_stored_and_the_cookie_goes(scene: Scene) -> None:
    browser = scene.browser()
    answer = await browser.sign_in("fake")

    assert "no-store" in answer.headers["Cache-Control"]
    assert browser.cookie is None


async def test_the_cookie_is_bound_to_this_host_and_kept_from_scripts(scene: Scene) -> None:
    # OA-01
    answer = await scene.browser().begin("fake")
    name, *attributes = answer.headers["Set-Cookie"].split("; ")

    assert re.fullmatch(r"__Host-agentbox_flow_[0-9a-f]{16}=[\w-]{43}", name)
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes)
    assert not any(each.startswith("Domain") for each in attributes)


async def test_each_sign_in_has_its_own_state_nonce_and_challenge(scene: Scene) -> None:
    # OA-01, OA-02
    browser = scene.browser()
    seen = [parameters((await browser.begin("fake")).body["url"]) for _ in range(3)]

    for name in ("state", "nonce", "code_challenge"):
        assert len({each[name] for each in seen}) == 3
        assert all(len(each[name].rpartition(".")[2]) == 43 for each in seen)
    assert {each["code_challenge_method"] for each in seen} == {"S256"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:4444"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        {"Forwarded": "host=evil.example;proto=https", "X-Forwarded-Prefix": "/evil"},
        {"Origin": "http://127.0.0.1:8080", "Referer": "https://evil.example/"},
    ],
    ids=str,
)
async def test_the_redirect_url_is_the_configured_one_whatever_the_request_says(
    scene: Scene, headers: dict[str, str]
) -> None:  # OA-10, WB-05
    browser = scene.browser()
    answer = await browser.ask("GET", "/api/v1/auth/fake/url", headers=headers)
    there = await browser.ask("GET", "/api/v1/auth/fake/login", headers=headers)

    for url in (answer.body["url"], there.headers["Location"]):
        assert url.startswith(f"{scene.provider.issuer}/")
        assert parameters(url)["redirect_uri"] == (
            "http://127.0.0.1:8080/api/v1/auth/fake/callback"
        )
        assert "evil" not in url


async def test_the_browser_may_be_sent_there_at_once(scene: Scene) -> None:
    browser = scene.browser()
    answer = await browser.ask("GET", "/api/v1/auth/fake/login")

    assert answer.status == 302
    callback = await browser.visit(answer.headers["Location"])
    assert (await browser.ask("GET", callback)).status == 200


async def test_a_page_may_post_what_came_in_its_address(scene: Scene) -> None:
    browser = scene.browser()
    callback = await browser.returned("fake")
    answer = await browser.ask("POST", "/api/v1/auth/fake/callback", json=parameters(callback))

    assert answer.status == 200, answer.text


async def test_what_a_warm_sign_in_asks_of_the_provider_is_one_request(scene: Scene) -> None:
    await scene.sign_in()
    before = Counter(scene.provider.asked)
    assert (await scene.sign_in()).status == 200

    # The page itself is asked by the browser.
    assert scene.provider.asked - before == {"authorize": 1, "token": 1}


async def test_and_two_where_the_id_token_says_nothing_of_the_address(scene: Scene) -> None:
    scene.provider.claims = {"email": ..., "email_verified": ...}
    await scene.sign_in()
    before = Counter(scene.provider.asked)
    answer = await scene.sign_in()

    assert answer.body["user"]["email"] == "ada@corp.test"
    assert scene.provider.asked - before == {"authorize": 1, "token": 1, "userinfo": 1}


async def test_a_return_an_exchange_and_a_refresh_ask_nothing_more(scene: Scene) -> None:
    await scene.sign_in()
    before = Counter(scene.provider.asked)
    browser = scene.browser()
    landed = await browser.sign_in("fake", return_to=RETURN_TO)
    code = parameters(landed.headers["Location"])["code"]
    answer = await browser.ask("POST", "/api/v1/auth/exchange", json={"code": code})

    assert await refresh(scene, answer.body["refresh_token"]) == 200
    assert scene.provider.asked - before == {"authorize": 1, "token": 1}


async def test_keys_that_are_an_hour_old_are_one_request_more(scene: Scene) -> None:
    await scene.sign_in()
    scene.advance(3600)
    before = Counter(scene.provider.asked)
    for _ in range(3):
        assert (await scene.sign_in()).status == 200

    assert scene.provider.asked - before == {"authorize": 3, "token": 3, "keys": 1}


async def test_a_client_secret_goes_into_the_form_where_that_is_what_is_taken(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    async with scene_at(folder, clock, provider) as scene:
        assert (await scene.sign_in()).status == 200


async def test_a_return_gets_a_code_and_no_token(scene: Scene) -> None:
    browser = scene.browser()
    answer = await browser.sign_in("fake", return_to=RETURN_TO)

    assert (answer.status, answer.text) == (302, "")
    address, _, query = answer.headers["Location"].partition("?")
    assert address == RETURN_TO
    assert list(parameters(f"?{query}")) == ["code"]
    code = parameters(f"?{query}")["code"]
    exchanged = await browser.ask("POST", "/api/v1/auth/exchange", json={"code": code})
    assert exchanged.status == 200, exchanged.text
    assert exchanged.body["user"]["username"] == "ada"


async def test_a_return_to_a_path_is_one_to_our_own_origin(scene: Scene) -> None:
    answer = await scene.browser().sign_in("fake", return_to="/app?tab=1")

    assert answer.headers["Location"].startswith("http://127.0.0.1:8080/app?tab=1&code=")


async def test_whoever_has_the_verifier_needs_no_cookie(scene: Scene) -> None:
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    answer = await scene.browser().sign_in("fake", return_to=RETURN_TO, code_challenge=challenge)
    body = {"code": parameters(answer.headers["Location"])["code"], "code_verifier": verifier}

    assert (await scene.live.anonymous.post("/auth/exchange", body)).status == 200


async def refresh(scene: Scene, token: str) -> int:
    """The status of going on with a session."""
    answer = await scene.live.anonymous.post("/auth/refresh", {"refresh_token": token})
    return answer.status


async def test_a_session_goes_on_while_its_provider_is_configured(
    folder: Path, provider: FakeProvider
) -> None:
    # RT-06
    async with scene_at(folder, ShiftedClock(), provider) as scene:
        token = (await scene.sign_in()).body["refresh_token"]
    async with fake_provider("other") as other:
        async with scene_at(folder, ShiftedClock(), other) as scene:
            assert await refresh(scene, token) == 401
        async with scene_at(folder, ShiftedClock(), provider, other) as scene:
            assert await refresh(scene, token) == 200
