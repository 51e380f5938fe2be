"""A browser is sent away, comes back, and is the same one; once, in time, from the same site."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from pathlib import Path

import pytest

from agentbox.core.identities import redirects as module
from agentbox.errors import (
    InvalidCredentials,
    InvalidGrant,
    LoginIncomplete,
    NotFound,
    Overloaded,
    RateLimited,
    ValidationFailed,
)
from agentbox.model.principal import Origin
from agentbox.model.secret import Secret
from agentbox.plugin.authenticator import Challenge
from tests.core.changes.signing_in import Method, login, verified
from tests.core.identities.at_sites import PAGE, Site, Sites, judged, query_of, someone
from tests.core.world import HERE, World, add_user

VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


@pytest.fixture
def site() -> Site:
    return Site(*[judged(someone())] * 3, ids=["example", "other"])


@pytest.fixture
def sites(world: World, site: Site) -> Sites:
    return Sites(world, site)


async def test_the_site_gets_its_state_and_what_the_browser_brought(
    sites: Sites, site: Site
) -> None:
    state, browser = await sites.begin()
    await sites.back(state, browser, iss="https://id.example")

    assert site.seen == [
        (b"state for example", {"code": "code", "iss": "https://id.example"}),
    ]


async def test_a_sign_in_without_a_page_ends_in_tokens(sites: Sites) -> None:
    finished = await sites.through()

    assert finished.signed_in is not None
    assert finished.redirect is finished.to_link is None


async def test_state_and_cookie_are_of_256_bits_and_new_each_time(sites: Sites) -> None:
    # OA-01
    made = [await sites.begin() for _ in range(3)]

    texts = {text for pair in made for text in pair}
    assert len(texts) == 6
    assert {len(text) for text in texts} == {43}


async def test_a_browser_that_has_a_cookie_keeps_it(sites: Sites) -> None:
    _, browser = await sites.begin()

    assert (await sites.begin(browser=browser))[1] == browser
    for strange in ("", "x", "x" * 42, "x" * 44, "ü" * 43, "x" * 42 + " "):
        assert (await sites.begin(browser=strange))[1] != strange


async def test_two_tabs_of_one_browser_both_come_back(sites: Sites) -> None:
    first, browser = await sites.begin()
    second, _ = await sites.begin(browser=browser)

    assert (await sites.back(first, browser)).signed_in
    assert (await sites.back(second, browser)).signed_in


async def test_a_state_is_good_once(sites: Sites) -> None:
    # OA-01
    state, browser = await sites.begin()
    await sites.back(state, browser)

    with pytest.raises(InvalidGrant):
        await sites.back(state, browser)
    assert await sites.refused() == [("anonymous", "unknown_flow")]


async def test_a_state_is_used_up_by_a_try_that_fails(sites: Sites, site: Site) -> None:
    # OA-01
    state, browser = await sites.begin()
    with pytest.raises(InvalidGrant):
        await sites.back(state, "x" * 43)
    with pytest.raises(InvalidGrant):
        await sites.back(state, browser)

    assert site.seen == []


async def test_a_state_lasts_for_ten_minutes(world: World, sites: Sites) -> None:
    state, browser = await sites.begin()
    world.clock.move(599.9)

    assert (await sites.back(state, browser)).signed_in


async def test_a_state_does_not_last_longer(world: World, sites: Sites, site: Site) -> None:
    # OA-01
    state, browser = await sites.begin()
    world.clock.move(600)

    with pytest.raises(InvalidGrant):
        await sites.back(state, browser)
    assert site.seen == []


@pytest.mark.parametrize("who", ["nobody", "somebody else"])
async def test_another_browser_does_not_finish_it(sites: Sites, site: Site, who: str) -> None:
    # OA-01: begun in browser A, finished in B
    state, _ = await sites.begin()
    _, other = await sites.begin()

    with pytest.raises(InvalidGrant):
        await sites.back(state, other if who == "somebody else" else None)
    assert site.seen == []
    assert await sites.refused() == [("anonymous", "browser")]


async def test_another_provider_does_not_finish_it(sites: Sites, site: Site) -> None:
    # OA-01, OA-04
    state, browser = await sites.begin("example")

    with pytest.raises(InvalidGrant):
        await sites.back(state, browser, "other")
    assert site.seen == []
    assert await sites.refused() == [("anonymous", "provider")]


@pytest.mark.parametrize("state", ["", "x", "x" * 43, "x" * 129, "ü" * 43, None, 7, b"x" * 43])
async def test_a_state_that_nobody_made_is_refused(sites: Sites, state: object) -> None:
    with pytest.raises(InvalidGrant):
        await sites.redirects.finish(
            "example", {"state": state, "code": "c"}, HERE, browser="x" * 43
        )


async def test_a_callback_without_a_state_is_refused(sites: Sites) -> None:
    with pytest.raises(InvalidGrant):
        await sites.redirects.finish("example", {"code": "c"}, HERE, browser="x" * 43)


async def test_a_provider_that_is_not_there_is_not_found(sites: Sites) -> None:
    with pytest.raises(NotFound):
        await sites.begin("none")


async def test_what_waits_is_sealed_and_found_by_a_digest(
    sites: Sites, site: Site, database: Path
) -> None:
    state, browser = await sites.begin(return_to=PAGE)

    with sqlite3.connect(database) as connection:
        (row,) = connection.execute("SELECT * FROM login_flows").fetchall()
    stored = repr(row)
    for text in (state, browser, PAGE, "state for"):
        assert text not in stored


# --- A sign-in that ends at a page.


async def test_a_page_gets_a_code_that_is_exchanged_once(sites: Sites) -> None:
    state, browser = await sites.begin(return_to=PAGE)
    finished = await sites.back(state, browser)
    code = query_of(finished.redirect)["code"]

    assert finished.signed_in is None
    assert finished.redirect == f"{PAGE}?code={code}"
    signed_in = await sites.redirects.exchange(code, None, HERE, browser=browser)
    assert signed_in.token.reveal() == "token"
    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, None, HERE, browser=browser)


async def test_a_path_of_ours_is_a_page_and_keeps_its_query(sites: Sites) -> None:
    finished = await sites.through(return_to="/home?tab=1")

    assert str(finished.redirect).startswith("https://auth.example/home?tab=1&code=")


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", f"{PAGE}/more", ""])
async def test_no_other_page_gets_anything(sites: Sites, page: str) -> None:
    # OA-10
    with pytest.raises(ValidationFailed):
        await sites.begin(return_to=page)


@pytest.mark.parametrize("seconds", [60, 3600])
async def test_a_code_lasts_for_less_than_a_minute(
    world: World, sites: Sites, seconds: int
) -> None:
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    world.clock.move(seconds)

    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, None, HERE, browser=browser)


@pytest.mark.parametrize("who", ["nobody", "somebody else"])
async def test_a_code_without_the_cookie_is_refused(sites: Sites, who: str) -> None:
    # OA-01
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]

    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(
            code, None, HERE, browser="x" * 43 if who == "somebody else" else None
        )
    with pytest.raises(InvalidGrant):  # and used up
        await sites.redirects.exchange(code, None, HERE, browser=browser)
    assert await sites.refused() == [("anonymous", "browser"), ("anonymous", "unknown_flow")]


async def challenged(sites: Sites) -> tuple[str, str]:
    state, browser = await sites.begin(return_to=PAGE, code_challenge=CHALLENGE)
    return query_of((await sites.back(state, browser)).redirect)["code"], browser


async def test_with_a_challenge_the_verifier_counts_and_no_cookie(sites: Sites) -> None:
    code, _ = await challenged(sites)

    assert await sites.redirects.exchange(code, VERIFIER, HERE, browser=None)


@pytest.mark.parametrize("verifier", [None, "", "w" * 43, VERIFIER[:-1], CHALLENGE, "v" * 129])
async def test_without_its_verifier_the_cookie_is_not_enough(
    sites: Sites, verifier: str | None
) -> None:
    code, browser = await challenged(sites)

    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, verifier, HERE, browser=browser)
    assert await sites.refused() == [("anonymous", "verifier")]


@pytest.mark.parametrize("challenge", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "plain text"])
async def test_what_is_no_challenge_is_refused(sites: Sites, challenge: str) -> None:
    with pytest.raises(ValidationFailed):
        await sites.begin(return_to=PAGE, code_challenge=challenge)


async def test_a_challenge_does_not_replace_the_cookie_at_the_callback(sites: Sites) -> None:
    # OA-01
    state, _ = await sites.begin(return_to=PAGE, code_challenge=CHALLENGE)

    with pytest.raises(InvalidGrant):
        await sites.back(state, None)


# --- Nothing that waits is anything else.


async def test_a_state_is_no_code_and_a_code_is_no_state(sites: Sites) -> None:
    # JWT-09
    state, browser = await sites.begin(return_to=PAGE)
    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(state, None, HERE, browser=browser)

    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    with pytest.raises(InvalidGrant):
        await sites.back(code, browser)


@pytest.mark.parametrize("method", ["example", "redirect", "exchange"])
async def test_a_state_does_not_go_on_with_a_login_in_steps(
    world: World, sites: Sites, method: str
) -> None:
    # JWT-09: not even with a method that is called as what waits is
    steps = Method(verified(await add_user(world.storage)))
    one = login(world, steps)
    one._methods = [one._methods[0]._replace(id=method)]
    state, _ = await sites.begin()

    with pytest.raises(InvalidCredentials):
        await one.continue_flow(state, method, {}, HERE)
    assert steps.states == []


async def test_a_login_in_steps_does_not_come_back_from_a_site(world: World, sites: Sites) -> None:
    # JWT-09
    with pytest.raises(LoginIncomplete) as incomplete:
        await login(world, Method(Challenge(kind="totp", state=b"{}"))).with_password(
            "alice", Secret("right"), HERE
        )
    flow = str(incomplete.value.members["flow"])

    with pytest.raises(InvalidGrant):
        await sites.back(flow, "x" * 43)
    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(flow, None, HERE, browser="x" * 43)


# --- Anybody may begin one.


async def test_a_new_one_is_refused_while_too_many_wait(
    world: World, sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    first, browser = await sites.begin()
    for _ in range(2):
        await sites.begin()

    with pytest.raises(Overloaded):
        await sites.begin()
    assert (await sites.back(first, browser)).signed_in  # who was first comes back
    await sites.begin()


async def test_those_that_have_expired_make_room(
    world: World, sites: Sites, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    for _ in range(3):
        await sites.begin()
    world.clock.move(601)

    await sites.begin()

    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM login_flows").fetchall() == [(1,)]


async def test_the_end_of_a_sign_in_is_never_refused_for_its_number(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, browser = await sites.begin(return_to=PAGE)
    await sites.begin()
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    finished = await sites.back(state, browser)

    assert await sites.redirects.exchange(
        query_of(finished.redirect)["code"], None, HERE, browser=browser
    )


async def test_an_address_begins_120_a_minute_and_others_go_on(world: World, sites: Sites) -> None:
    for _ in range(120):
        await sites.begin()

    with pytest.raises(RateLimited):
        await sites.begin()
    elsewhere = Origin(address="198.51.100.9", user_agent="a test", request_id="r")
    assert await sites.redirects.begin("example", elsewhere, browser=None)
    world.clock.move(61)
    assert await sites.begin()
