"""Each sign-in of a browser has a cookie of its own; none that is there already becomes one."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.web.handlers.identities import MOST_COOKIES
from tests.openid.browser import FLOW_COOKIE, Browser, parameters
from tests.openid.scene import RETURN_TO, Scene


async def exchanged(browser: Browser, page: str) -> int:
    code = parameters(page)["code"]
    return (await browser.ask("POST", "/api/v1/auth/exchange", json={"code": code})).status


async def test_two_tabs_both_sign_in(scene: Scene) -> None:
    browser = scene.browser()
    first, second = await browser.returned("fake"), await browser.returned("fake")
    names = list(browser.cookies)

    assert len(names) == 2
    assert (await browser.ask("GET", first)).status == 200
    assert list(browser.cookies) == names[1:]
    assert (await browser.ask("GET", second)).status == 200
    assert browser.cookies == {}


async def test_two_tabs_both_exchange_their_codes(scene: Scene) -> None:
    browser = scene.browser()
    pages = [
        (await browser.sign_in("fake", return_to=RETURN_TO)).headers["Location"] for _ in range(2)
    ]

    assert [await exchanged(browser, page) for page in pages] == [200, 200]
    assert browser.cookies == {}


async def test_a_refused_sign_in_of_one_tab_leaves_the_other(scene: Scene) -> None:
    browser = scene.browser()
    denied = (await browser.returned("fake")) + "&error=access_denied"
    right = await browser.returned("fake")

    assert (await browser.ask("GET", denied)).status == 401
    assert (await browser.ask("GET", right)).status == 200


async def test_a_cookie_that_is_known_opens_nothing_that_begins_later(scene: Scene) -> None:
    # OA-01: somebody sat at this browser before, and has its cookie
    victim, attacker = scene.browser(), scene.browser()
    await victim.begin("fake")
    known = attacker.cookie = victim.cookie
    scene.provider.claims = {"sub": "attacker", "preferred_username": "mallory"}
    await attacker.begin("fake")
    prepared = await attacker.returned("fake")
    scene.provider.claims = {}
    theirs = await victim.returned("fake")

    assert (await victim.ask("GET", prepared)).error == "invalid_grant"
    attacker.cookie = known
    assert (await attacker.ask("GET", theirs)).error == "invalid_grant"
    assert (await victim.ask("GET", theirs)).status == 200


async def test_no_cookie_that_a_browser_brings_lasts_any_longer(scene: Scene) -> None:
    # OA-01
    browser = scene.browser()
    await browser.begin("fake")
    ((name, secret),) = browser.cookies.items()
    again = await browser.begin("fake")
    (given,) = again.headers.getall("Set-Cookie")

    assert name not in given
    assert secret not in given


@pytest.mark.parametrize("how", ["url", "login"])
async def test_a_browser_is_left_a_handful_and_the_oldest_go(scene: Scene, how: str) -> None:
    # Request heads are limited: else nothing of the origin could be asked for any more.
    browser = scene.browser()
    names = []
    for _ in range(MOST_COOKIES + 3):
        await browser.ask("GET", f"/api/v1/auth/fake/{how}")
        scene.advance(1)
        names.append(list(browser.cookies)[-1])

    assert list(browser.cookies) == names[3:]


async def test_thirty_tabs_that_begin_at_once_are_a_handful_soon(scene: Scene) -> None:
    browser = scene.browser()
    await asyncio.gather(*(browser.begin("fake") for _ in range(30)))
    assert len(browser.cookies) == 30
    scene.advance(1)
    began = []
    for _ in range(4):
        answer = await browser.begin("fake")
        assert len(answer.headers.getall("Set-Cookie")) <= MOST_COOKIES + 1
        began.append(await browser.visit(answer.body["url"]))
        scene.advance(1)

    assert len(browser.cookies) == MOST_COOKIES
    for callback in began:
        assert (await browser.ask("GET", callback)).status == 200


async def test_the_cookie_is_there_as_long_as_the_code_is(scene: Scene) -> None:
    browser = scene.browser()
    begun = await browser.begin("fake", return_to=RETURN_TO)
    scene.advance(599)
    landed = await browser.ask("GET", await browser.visit(begun.body["url"]))
    scene.advance(59)

    assert "; Max-Age=660; " in begun.headers["Set-Cookie"]
    assert await exchanged(browser, landed.headers["Location"]) == 200


async def test_the_cookie_of_another_sign_in_is_not_enough(scene: Scene) -> None:  # OA-01
    browser = scene.browser()
    callback = await browser.returned("fake")
    ((name, secret),) = browser.cookies.items()
    other = scene.browser()
    await other.begin("fake")
    ((other_name, other_secret),) = other.cookies.items()

    for cookie in (
        f"{other_name}={secret}",
        f"{name}={other_secret}",
        f"{FLOW_COOKIE}={secret}",
        f"{FLOW_COOKIE[:-1]}={secret}",
    ):
        refused = await scene.browser().ask("GET", callback, headers={"Cookie": cookie})
        assert refused.error == "invalid_grant"
    assert (await browser.ask("GET", callback)).status == 200
