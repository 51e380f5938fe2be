"""A browser is sent away, comes back, and is the same one; once, in time, from the same site."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec import Struct

from agentbox.core.identities.flows import flow_of
from agentbox.errors import (
    AuthenticatorUnavailable,
    InvalidCredentials,
    InvalidGrant,
    LoginFailed,
    LoginIncomplete,
    NotFound,
    OutboundFailed,
)
from agentbox.model.secret import Secret
from agentbox.plugin.authenticator import Challenge
from tests.core.changes.signing_in import Method, login, verified
from tests.core.identities.at_sites import PAGE, Site, Sites, judged, query_of, someone
from tests.core.world import HERE, World, add_user
from tests.databases.database import Database


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
    secret = {text.rpartition(".")[2] for text in texts}
    assert len(secret) == 6
    assert {len(text) for text in secret} == {43}


async def test_state_and_code_begin_with_the_name_of_their_flow(world: World, sites: Sites) -> None:
    flows = []
    for _ in range(2):
        begun = await sites.redirects.begin("example", HERE, return_to=PAGE)
        state = query_of(begun.url)["state"]
        code = query_of((await sites.back(state, begun.browser)).redirect)["code"]
        assert flow_of(state) == flow_of(code) == begun.flow
        assert begun.browser not in state + code
        flows.append(begun.flow)
        world.clock.move(1)

    assert len(set(flows)) == 2
    assert sorted(flows) == flows  # a browser's oldest is the first


@pytest.mark.parametrize(
    "text",
    ["", ".", "0" * 16, "0" * 16 + "." + "x" * 42, "0" * 15 + "g." + "x" * 43, "x" * 60, None, 7],
)
async def test_what_we_never_made_is_of_no_flow(text: object) -> None:
    assert flow_of(text) is None


async def test_two_tabs_of_one_browser_have_nothing_in_common(sites: Sites) -> None:
    (first, one), (second, two) = await sites.begin(), await sites.begin()

    assert one != two
    with pytest.raises(InvalidGrant):
        await sites.back(second, one)
    assert (await sites.back(first, one)).signed_in
    assert (await sites.back(second, two)).signed_in


async def test_a_state_is_good_once(sites: Sites) -> None:
    # OA-01
    state, browser = await sites.begin()
    await sites.back(state, browser)

    with pytest.raises(InvalidGrant):
        await sites.back(state, browser)
    assert await sites.refused() == [("anonymous", "unknown_flow")]


@pytest.mark.parametrize("answer", [LoginFailed("denied"), OutboundFailed("timeout"), ValueError()])
async def test_a_state_is_used_up_by_a_try_that_fails(
    sites: Sites, site: Site, answer: Exception
) -> None:
    # OA-01
    site.answers = [answer, judged(someone())]
    state, browser = await sites.begin()
    with pytest.raises((InvalidGrant, AuthenticatorUnavailable)):
        await sites.back(state, browser)
    with pytest.raises(InvalidGrant):
        await sites.back(state, browser)

    assert len(site.seen) == 1
    assert (await sites.refused())[-1] == ("anonymous", "unknown_flow")


@pytest.mark.parametrize("stranger", [None, "x" * 43, ""])
async def test_nobody_else_uses_a_state_up(sites: Sites, stranger: str | None) -> None:
    # OA-01: scanners of mail and chat ask for every address that they see
    state, browser = await sites.begin()
    for _ in range(3):
        with pytest.raises(InvalidGrant):
            await sites.back(state, stranger)

    assert (await sites.back(state, browser)).signed_in


async def test_of_many_at_once_one_comes_back(sites: Sites, site: Site) -> None:
    # OA-01: that all of them have looked at it makes no two of it
    state, browser = await sites.begin()
    got = await asyncio.gather(
        *(sites.back(state, browser) for _ in range(8)), return_exceptions=True
    )

    assert [isinstance(each, InvalidGrant) for each in got].count(True) == 7
    assert len(site.seen) == 1


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
    with pytest.raises(InvalidGrant):  # and used up: it was the browser that began it
        await sites.back(state, browser)


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
    sites: Sites, site: Site, database: Database
) -> None:
    state, browser = await sites.begin(return_to=PAGE)

    (row,) = database.run("SELECT * FROM login_flows")
    stored = repr(row)
    for text in (state, browser, PAGE, "state for"):
        assert text not in stored


async def test_a_state_is_no_code_and_a_code_is_no_state(sites: Sites) -> None:
    # JWT-09
    state, browser = await sites.begin(return_to=PAGE)
    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(state, None, HERE, browser=browser)

    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    with pytest.raises(InvalidGrant):
        await sites.back(code, browser)


class Anything(Struct):
    """Whatever waits."""


async def test_what_waits_for_one_thing_is_not_taken_for_another(sites: Sites) -> None:
    # JWT-09: not even where it could be read as one
    text = await sites.flows.keep("redirect", Anything(), timedelta(minutes=1))

    assert await sites.flows.take("exchange", text, Anything) is None
    assert await sites.flows.take("redirect", text, Anything) == Anything()


@pytest.mark.parametrize("method", ["example", "redirect", "exchange", "core:redirect", "m0"])
async def test_a_state_does_not_go_on_with_a_login_in_steps(
    world: World, sites: Sites, method: str
) -> None:
    # JWT-09: not even with a method that is called as what waits is
    steps = Method(verified(await add_user(world.storage)))
    one = login(world, steps)
    if method != "core:redirect":  # what nobody can be called
        one._methods = [one._methods[0]._replace(id=method)]
    state, browser = await sites.begin()

    with pytest.raises(InvalidCredentials):
        await one.continue_flow(state, method, {}, HERE)
    assert steps.states == []
    assert (await sites.back(state, browser)).signed_in  # OA-01: and it is not used up


async def test_a_code_that_is_brought_as_a_state_is_not_used_up(sites: Sites) -> None:
    # OA-01: whoever saw the address of the page needs no cookie to ask for a callback
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]

    for stranger in (None, "x" * 43, browser):
        with pytest.raises(InvalidGrant):
            await sites.back(code, stranger)
    assert await sites.redirects.exchange(code, None, HERE, browser=browser)


async def test_a_state_that_is_brought_as_a_code_is_not_used_up(sites: Sites) -> None:
    # OA-01
    state, browser = await sites.begin()

    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(state, None, HERE, browser=None)
    assert (await sites.back(state, browser)).signed_in


async def test_who_has_no_cookie_writes_nothing(
    world: World, sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    # OA-01: nor does who makes states up; others that write wait for each other
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    waiting, _ = await sites.begin()
    right, written = world.storage.transaction, []

    def noting(**options: Any) -> Any:
        written.append(not options.get("read_only", False))
        return right(**options)

    monkeypatch.setattr(world.storage, "transaction", noting)
    for text in (waiting, code, "x" * 43):
        with pytest.raises(InvalidGrant):
            await sites.back(text, None)
        with pytest.raises(InvalidGrant):
            await sites.redirects.exchange(text, None, HERE, browser=None)

    assert written == [False] * 6


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
