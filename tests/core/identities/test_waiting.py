"""Anybody may begin a sign-in: there are not too many that wait, in all and by one address."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from agentbox.core.identities import redirects as module
from agentbox.errors import (
    InvalidGrant,
    LoginIncomplete,
    NotFound,
    RateLimited,
    ValidationFailed,
)
from agentbox.model.principal import Origin
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


async def test_who_begins_while_too_many_wait_takes_the_place_of_the_first(
    world: World, sites: Sites, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    begun = []
    for _ in range(5):
        begun.append(await sites.begin())
        world.clock.move(1)

    assert database.run("SELECT count(*) FROM login_flows") == [(3,)]
    for state, browser in begun[:2]:
        with pytest.raises(InvalidGrant):
            await sites.back(state, browser)
    for state, browser in begun[2:]:
        assert (await sites.back(state, browser)).signed_in


async def test_that_there_are_too_many_is_said_once_a_minute(
    world: World, sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    said = []
    with capture_logs() as lines:
        for seconds in (0, 0, 59, 2, 58, 3):
            world.clock.move(seconds)
            await sites.begin()
            said.append(sum(line["event"] == "too_many_flows_wait" for line in lines))

    assert said == [0, 1, 1, 2, 2, 3]


async def test_nobody_keeps_others_out_by_filling_the_places(
    world: World, sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    for number in range(30):
        elsewhere = Origin(address=f"198.51.100.{number}", user_agent="a test", request_id="r")
        await sites.redirects.begin("example", elsewhere)
    world.clock.move(1)

    assert (await sites.through()).signed_in


async def test_no_code_and_no_login_in_steps_gives_way(
    world: World, sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    steps = Method(Challenge(kind="totp", state=b"{}"), verified(await add_user(world.storage)))
    with pytest.raises(LoginIncomplete) as incomplete:
        await login(world, steps).with_password("alice", Secret("right"), HERE)
    for _ in range(5):
        await sites.begin()

    assert await sites.redirects.exchange(code, None, HERE, browser=browser)
    flow = str(incomplete.value.members["flow"])
    assert await login(world, steps).continue_flow(flow, "m0", {}, HERE)


async def test_those_that_have_expired_go_first(
    world: World, sites: Sites, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    for _ in range(3):
        await sites.begin()
    world.clock.move(601)
    begun = [await sites.begin() for _ in range(3)]

    assert database.run("SELECT count(*) FROM login_flows") == [(3,)]
    for state, browser in begun:
        assert (await sites.back(state, browser)).signed_in


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
    assert await sites.redirects.begin("example", elsewhere)
    world.clock.move(61)
    assert await sites.begin()


async def test_an_address_of_ipv6_is_counted_with_its_network(sites: Sites) -> None:
    for number in range(120):
        one = Origin(address=f"2001:db8::{number:x}", user_agent="a test", request_id="r")
        await sites.redirects.begin("example", one)

    for address, begins in (("2001:db8::ffff", False), ("2001:db8:0:1::1", True)):
        origin = Origin(address=address, user_agent="a test", request_id="r")
        if begins:
            assert await sites.redirects.begin("example", origin)
            continue
        with pytest.raises(RateLimited) as limited:
            await sites.redirects.begin("example", origin)
        assert 0 < (limited.value.retry_after or 0) <= 60


async def test_what_can_t_be_begun_is_not_counted(sites: Sites) -> None:
    for _ in range(130):
        with pytest.raises(NotFound):
            await sites.begin("none")
        with pytest.raises(ValidationFailed):
            await sites.begin(return_to="https://evil.example/")

    assert await sites.begin()
