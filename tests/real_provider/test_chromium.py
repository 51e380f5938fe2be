"""A real browser, a real provider and a real server: somebody signs in, end to end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from tests.live import USER_PASSWORD, Caller
from tests.openid.browser import FLOW_COOKIE, parameters
from tests.process import STRONG_PASSWORD, environment, serving
from tests.real_provider.chromium import Chromium, chromium
from tests.real_provider.provider import RealProvider, real_provider
from tests.real_provider.scene import CALLBACK, PASSWORDS, PEOPLE, write_configuration
from tests.real_provider.site import Site, site
from tests.real_provider.visitor import Visitor

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
]

POST = """
return (async () => {
  const [path, token, body] = arguments;
  const headers = { "Content-Type": "application/json" };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  const options = { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await fetch(`/api/v1${path}`, options);
  return await answer.json();
})();
"""
"""What a page of agentbox's origin would do; cookies come and go with it."""

TOKEN = re.compile(r"eyJ[\w-]+\.|abr_")


class Stage(NamedTuple):
    """The four of them."""

    browser: Chromium
    site: Site
    provider: RealProvider


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A server process as an operator starts it, behind a site with a page to sign in on."""
    folder = tmp_path_factory.mktemp("stage")
    async with site() as page:
        redirect_uris = [f"{page.url}{CALLBACK}"]
        with real_provider(folder, redirect_uris=redirect_uris, people=PEOPLE) as provider:
            settings = {
                "public_url": page.url,
                "return_to": [f"{page.other_url}/app"],
                "cors_origins": [page.other_url],
            }
            config = write_configuration(folder, provider, server=settings)
            env = environment(AGENTBOX_ADMIN_PASSWORD=STRONG_PASSWORD)
            with serving(folder, "--config", str(config), env=env) as server:
                page.upstream = server.url
                async with chromium() as browser:
                    yield Stage(browser, page, provider)


@pytest_asyncio.fixture(loop_scope="module")
async def stage(running: Stage) -> Stage:
    """The same for all tests, in a browser that knows nothing of the others."""
    await running.browser.start_anew()
    return running


async def sign_in_there(browser: Chromium, sub: str, password: str | None = None) -> None:
    """Fill in the provider's form."""
    await browser.type("input[name=login]", sub)
    await browser.type("input[name=password]", password or PASSWORDS[sub])
    await browser.click("button[value=on]")


async def signed_in(session: aiohttp.ClientSession, username: str, password: str) -> Caller:
    """Calls of somebody who has given a password."""
    body = {"username": username, "password": password}
    answer = await Caller(session, {}).post("/auth/login", body)
    assert answer.status == 200, answer.text
    return Caller(session, {"Authorization": f"Bearer {answer.body['token']}"})


def gone_by(requested: Sequence[str], sites: Sequence[str]) -> list[str]:
    """The paths that a sign-in went by, each with the site it is at."""
    return [
        f"{sites.index(f'{parts.scheme}://{parts.netloc}')}{parts.path}"
        for parts in map(urlsplit, requested)
        if not parts.path.startswith(("/interaction/", "/favicon", "/auth/"))
    ]


async def test_somebody_signs_in_on_a_page_of_our_own_origin(stage: Stage) -> None:
    # OA-01: the cookie is kept by a browser as it is meant, plain http on loopback included.
    browser, page, provider = stage
    await browser.open(f"{page.url}/app")
    await browser.click("#plain")
    await browser.at(f"{provider.issuer}/interaction/")
    cookie = (await browser.cookies(page.url))[FLOW_COOKIE]
    await sign_in_there(browser, "ada")

    assert await browser.text("#who") == "200: ada, viewer"
    assert await browser.at(page.url) == f"{page.url}/app"
    told = {name: cookie[name] for name in ("httpOnly", "secure", "sameSite", "path", "domain")}
    assert told == {
        "httpOnly": True,
        "secure": True,
        "sameSite": "Lax",
        "path": "/",
        "domain": "127.0.0.1",  # without a dot: this host alone
    }
    assert FLOW_COOKIE not in await browser.cookies(page.url)
    assert gone_by(await browser.requested(), (page.url, provider.issuer)) == [
        "0/app",
        "0/app.js",
        "0/api/v1/auth/certified/login",
        "1/auth",
        f"0{CALLBACK}",
        "0/app",
        "0/app.js",
        "0/api/v1/auth/exchange",
        "0/api/v1/auth/me",
    ]
    assert await browser.complaints() == []


async def test_no_address_holds_a_token_and_the_cookie_is_kept_from_scripts(stage: Stage) -> None:
    browser, page, provider = stage
    await browser.open(f"{page.url}/app")
    await browser.click("#plain")
    await browser.at(f"{provider.issuer}/interaction/")
    await browser.open(f"{page.url}/app")  # away from the provider's form, with the cookie
    assert FLOW_COOKIE in await browser.cookies(page.url)
    assert await browser.run("return document.cookie") == ""
    await browser.click("#plain")
    await sign_in_there(browser, "ada")
    await browser.text("#who")

    tokens = await browser.run("return [window.tokens.token, window.tokens.refresh_token]")
    addresses = [*await browser.history(), *await browser.requested()]
    assert all(TOKEN.match(token) for token in tokens)
    assert len(addresses) > 10
    assert [url for url in addresses if TOKEN.search(url)] == []
    assert [url for url in addresses if any(token in url for token in tokens)] == []
    # The code that stood in one was taken from the history by the page, and is used up.
    (code,) = {parameters(url)["code"] for url in addresses if url.startswith(f"{page.url}/app?")}
    assert not any(code in url for url in await browser.history())


async def test_somebody_signs_in_on_a_page_of_another_origin(stage: Stage) -> None:
    # No cookie goes along from there: the verifier of the page's own challenge stands for it.
    browser, page, _ = stage
    await browser.open(f"{page.other_url}/app")
    await browser.click("#elsewhere")
    await sign_in_there(browser, "bob")

    assert await browser.text("#who") == "200: bob, viewer"
    assert await browser.at(page.other_url) == f"{page.other_url}/app"
    assert await browser.complaints() == []


async def test_a_way_back_that_somebody_else_sends_one_to_signs_nobody_in(stage: Stage) -> None:
    # OA-01: else whoever follows the link works, and keeps things, in the account of its sender.
    browser, page, provider = stage
    async with aiohttp.ClientSession(page.url) as session:
        async with Visitor(Caller(session, {}), "bob", PASSWORDS["bob"]) as bob:
            callback = await bob.returned("certified", return_to="/app")
    await browser.open(f"{page.url}/app")
    await browser.click("#plain")
    await browser.at(f"{provider.issuer}/interaction/")
    assert FLOW_COOKIE in await browser.cookies(page.url)
    await browser.open(f"{page.url}{callback}")

    assert "invalid_grant" in await browser.text("body")
    assert await browser.at(page.url) == f"{page.url}{callback}"


async def test_a_sign_in_begun_by_another_name_of_the_server_ends_nowhere(stage: Stage) -> None:
    # The cookie is of the host that gave it, and the way back leads to that of public_url.
    browser, page, _ = stage
    await browser.open(f"{page.other_url}/api/v1/auth/certified/login")
    assert (await browser.cookies(page.other_url))[FLOW_COOKIE]["domain"] == "localhost"
    assert FLOW_COOKIE not in await browser.cookies(page.url)
    await sign_in_there(browser, "ada")

    await browser.at(f"{page.url}{CALLBACK}?")
    assert "invalid_grant" in await browser.text("body")


async def test_a_user_links_it_comes_in_by_it_and_is_disabled_on_the_way(stage: Stage) -> None:
    # OA-07
    browser, page, provider = stage
    provider.set_person("cal", password=PASSWORDS["ada"], email="cal@corp.test")
    async with aiohttp.ClientSession(page.url) as session:
        admin = await signed_in(session, "admin", STRONG_PASSWORD)
        body = {"username": "grace", "password": USER_PASSWORD}
        user_id = (await admin.post("/users", body)).body["id"]

        await browser.open(f"{page.url}/app")
        login = await browser.run(POST, "/auth/login", None, body)
        wanted = {"current_password": USER_PASSWORD, "return_to": "/app"}
        link = "/auth/identities/certified/link"
        begun = await browser.run(POST, link, login["token"], wanted)
        await browser.open(begun["url"])
        await sign_in_there(browser, "cal", PASSWORDS["ada"])
        assert await browser.at(page.url) == f"{page.url}/app"
        record = (await admin.get(f"/users/{user_id}")).body
        assert [each["provider"] for each in record["identities"]] == ["certified"]

        # Known at the provider by now, she is not asked again.
        await browser.click("#plain")
        assert await browser.text("#who") == "200: grace, user"

        await browser.forget(provider.issuer)  # so that she is asked again
        await browser.click("#plain")
        await browser.at(f"{provider.issuer}/interaction/")
        assert (await admin.post(f"/users/{user_id}/disable")).status == 200
        await sign_in_there(browser, "cal", PASSWORDS["ada"])
        assert await browser.text("#who") == "401: invalid_grant"
