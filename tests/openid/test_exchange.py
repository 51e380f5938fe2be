"""The code that `return_to` gets: for a minute, once, and for who began the sign-in alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest

from tests.live import Answer
from tests.openid.browser import Browser, parameters
from tests.openid.scene import RETURN_TO, Scene

VERIFIER = "verifier-" * 5
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


async def landed(browser: Browser, **query: str) -> str:
    """The code that comes with `return_to`."""
    answer = await browser.sign_in("fake", return_to=RETURN_TO, **query)
    assert answer.status == 302, answer.text
    return parameters(answer.headers["Location"])["code"]


async def exchange(browser: Browser, code: str, **more: str) -> Answer:
    return await browser.ask("POST", "/api/v1/auth/exchange", json={"code": code, **more})


async def test_nobody_is_made_before_the_code_is_exchanged(scene: Scene) -> None:
    before = await scene.rows()
    browser = scene.browser()
    code = await landed(browser)
    assert await scene.rows() == before

    assert (await exchange(browser, code)).status == 200


async def test_a_code_is_good_once(scene: Scene) -> None:
    browser = scene.browser()
    code, cookie = await landed(browser), browser.cookie
    assert (await exchange(browser, code)).status == 200
    browser.cookie = cookie

    assert (await exchange(browser, code)).error == "invalid_grant"
    assert await scene.refusals() == ["unknown_flow"]


async def test_of_many_at_once_one_gets_the_tokens(scene: Scene) -> None:
    browser = scene.browser()
    code = await landed(browser)
    headers = {"Cookie": browser.cookie or ""}
    answers = await asyncio.gather(
        *(
            browser.ask("POST", "/api/v1/auth/exchange", json={"code": code}, headers=headers)
            for _ in range(10)
        )
    )

    assert sorted(answer.status for answer in answers) == [200] + [401] * 9


async def test_a_code_is_good_for_a_minute(scene: Scene) -> None:
    browser = scene.browser()
    code = await landed(browser)
    scene.advance(61)
    assert (await exchange(browser, code)).error == "invalid_grant"
    assert await scene.refusals() == ["unknown_flow"]

    code = await landed(browser)
    scene.advance(55)
    assert (await exchange(browser, code)).status == 200


async def test_the_code_alone_is_not_enough(scene: Scene) -> None:  # OA-01
    stranger = scene.browser()
    await stranger.begin("fake")
    codes = [await landed(scene.browser()) for _ in range(2)]

    assert (await exchange(scene.browser(), codes[0])).error == "invalid_grant"
    assert (await exchange(stranger, codes[1])).error == "invalid_grant"
    assert await scene.refusals() == ["browser", "browser"]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"code_verifier": ""},
        {"code_verifier": VERIFIER[:-1]},
        {"code_verifier": CHALLENGE},
        {"code_verifier": VERIFIER + "\u00e9"},
    ],
    ids=str,
)
async def test_where_there_is_a_challenge_its_verifier_is_needed(
    scene: Scene, more: dict[str, str]
) -> None:
    browser = scene.browser()
    code = await landed(browser, code_challenge=CHALLENGE)

    assert (await exchange(browser, code, **more)).error == "invalid_grant"
    assert await scene.refusals() == ["verifier"]
    # The guess used it up.
    assert (await exchange(browser, code, code_verifier=VERIFIER)).error == "invalid_grant"


async def test_a_verifier_without_a_challenge_does_not_make_up_for_the_cookie(
    scene: Scene,
) -> None:
    code = await landed(scene.browser())

    assert (await exchange(scene.browser(), code, code_verifier=VERIFIER)).status == 401


async def test_a_challenge_in_somebody_s_link_frees_no_code_from_the_cookie(
    scene: Scene,
) -> None:
    # OA-01: the victim follows a link to any path of ours; what stands there gives the code away
    victim, attacker = scene.browser(), scene.browser()
    path = f"/api/v1/auth/fake/login?return_to=/some/page&code_challenge={CHALLENGE}"
    there = (await victim.ask("GET", path)).headers["Location"]
    answer = await victim.ask("GET", await victim.visit(there))
    code = parameters(answer.headers["Location"])["code"]
    await attacker.begin("fake")
    before = await scene.rows()

    for thief in (scene.browser(), attacker):
        assert (await exchange(thief, code, code_verifier=VERIFIER)).error == "invalid_grant"
    assert await scene.refusals() == ["browser"] * 2
    assert await scene.rows() == before


async def test_a_page_of_ours_may_show_a_verifier_besides_the_cookie(scene: Scene) -> None:
    browser = scene.browser()
    answer = await browser.sign_in("fake", return_to="/app", code_challenge=CHALLENGE)
    code = parameters(answer.headers["Location"])["code"]

    assert (await exchange(browser, code, code_verifier=VERIFIER)).status == 200


@pytest.mark.parametrize("challenge", ["x", "A" * 42, "A" * 44, "A" * 42 + "="])
async def test_what_is_no_challenge_is_refused_at_once(scene: Scene, challenge: str) -> None:
    answer = await scene.browser().begin("fake", return_to=RETURN_TO, code_challenge=challenge)

    assert answer.status == 422


async def test_codes_states_and_flows_are_not_each_other(scene: Scene) -> None:  # JWT-09
    browser = scene.browser()
    code = await landed(browser)
    state = parameters((await browser.begin("fake")).body["url"])["state"]
    back = f"/api/v1/auth/fake/callback?code=x&iss={scene.provider.issuer}&state="
    anonymous = scene.live.anonymous
    step = {"method": "oidc", "data": {}}

    assert (await browser.ask("GET", back + code)).error == "invalid_grant"
    assert (await exchange(browser, state)).error == "invalid_grant"
    texts = {"code": await landed(browser)}
    texts["state"] = parameters((await browser.begin("fake")).body["url"])["state"]
    texts["cookie"] = list(browser.cookies.values())[-1]
    for text in texts.values():
        login = await anonymous.post("/auth/login/continue", {"flow": text, **step})
        assert (login.status, login.error) == (401, "invalid_credentials")
        refresh = await anonymous.post("/auth/refresh", {"refresh_token": text})
        assert (refresh.status, refresh.error) == (401, "invalid_grant")
        assert (await scene.live.with_token(text).get("/auth/me")).status == 401


async def test_what_is_brought_to_the_wrong_place_is_not_used_up(scene: Scene) -> None:  # OA-01
    browser = scene.browser()
    code, waiting = await landed(browser), await browser.returned("fake")
    anonymous, state = scene.live.anonymous, parameters(waiting)["state"]

    for method in ("oidc", "password", "core:redirect"):
        step = {"flow": state, "method": method, "data": {}}
        assert (await anonymous.post("/auth/login/continue", step)).status == 401
    assert (await exchange(scene.browser(), state)).status == 401
    stranger = f"/api/v1/auth/fake/callback?code=x&state={code}"
    assert (await scene.browser().ask("GET", stranger)).status == 401

    assert (await exchange(browser, code)).status == 200
    assert (await browser.ask("GET", waiting)).status == 200


async def test_an_id_token_of_a_provider_is_no_credential_here(scene: Scene) -> None:  # JWT-09
    answer = await scene.sign_in()
    (id_token,) = [text for text in scene.provider.given_out if text.startswith("eyJ")]

    assert answer.status == 200
    assert (await scene.live.with_token(id_token).get("/auth/me")).error == "invalid_token"
    body = {"refresh_token": id_token}
    assert (await scene.live.anonymous.post("/auth/refresh", body)).error == "invalid_grant"


async def test_our_own_tokens_are_no_answer_of_a_provider(scene: Scene) -> None:  # JWT-09
    token = (await scene.sign_in()).body["token"]
    scene.provider.id_token = lambda header, claims: token

    assert (await scene.sign_in()).error == "invalid_grant"
    assert await scene.refusals() == ["id_token_algorithm"]
