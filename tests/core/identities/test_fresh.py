"""A sign-in that is to be a fresh one: the site says when the person was there, or it counts not.

A site that has somebody signed in already sends the browser back without asking for anything.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agentbox.errors import InvalidGrant
from agentbox.model.sessions import Session
from agentbox.plugin.authenticator import RedirectLogin
from agentbox.plugin.storage import Page
from tests.core.identities.at_sites import PAGE, Site, Sites, judged, query_of, someone
from tests.core.world import HERE, START, World


def there(seconds: float | None) -> Any:
    """An answer of who was authenticated so many seconds after the beginning, or nobody knows."""
    at = None if seconds is None else START + timedelta(seconds=seconds)
    return judged(someone(auth_time=at))


def site_of(*answers: Any) -> Site:
    return Site(*answers, ids=["example", "other"])


async def the_session(world: World, user_id: str) -> Session:
    async with world.storage.transaction(read_only=True) as tx:
        [session] = await tx.sessions.list(user_id, world.clock.now(), Page(9))
    return session


@pytest.mark.parametrize("fresh", [False, True])
async def test_the_site_is_told_what_is_wanted(world: World, fresh: bool) -> None:
    site = site_of()
    await Sites(world, site).begin("other", fresh=fresh)

    assert site.asked == [RedirectLogin("other", fresh=fresh)]


async def test_nobody_wants_a_fresh_one_unless_told(world: World) -> None:
    site = site_of(there(None), there(-86_400))
    sites = Sites(world, site)
    for _ in range(2):
        assert (await sites.through()).signed_in

    assert [login.fresh for login in site.asked] == [False, False]


@pytest.mark.parametrize("seconds", [None, -86_400, -3600, -61, -60.001])
@pytest.mark.parametrize("page", [None, PAGE])
async def test_who_was_there_before_is_refused(
    world: World, seconds: float | None, page: str | None
) -> None:
    # OA-07: a session elsewhere is not the person
    sites = Sites(world, site_of(there(seconds)))
    with pytest.raises(InvalidGrant):
        await sites.through(fresh=True, return_to=page)

    assert await sites.refused() == [("anonymous", "not_fresh")]
    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.identities.find(someone().issuer, someone().subject) is None


@pytest.mark.parametrize("seconds", [-60, -1, 0, 5])
async def test_who_signed_in_since_is_let_in_but_for_a_minute_of_another_clock(
    world: World, seconds: float
) -> None:
    sites = Sites(world, site_of(there(seconds)))

    assert (await sites.through(fresh=True)).signed_in


async def test_what_counts_is_when_it_began_and_not_when_it_ends(world: World) -> None:
    sites = Sites(world, site_of(there(1), there(539), there(541)))
    state, browser = await sites.begin(fresh=True)
    world.clock.move(599)
    assert (await sites.back(state, browser)).signed_in

    world.clock.move(1)  # another begins 600 s after the beginning
    state, browser = await sites.begin(fresh=True)
    with pytest.raises(InvalidGrant):
        await sites.back(state, browser)
    state, browser = await sites.begin(fresh=True)
    assert (await sites.back(state, browser)).signed_in


async def test_the_session_is_as_old_as_the_site_says(world: World) -> None:
    sites = Sites(world, site_of(there(2)))
    state, browser = await sites.begin(fresh=True, return_to=PAGE)
    world.clock.move(300)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    signed_in = await sites.redirects.exchange(code, None, HERE, browser=browser)

    session = await the_session(world, signed_in.user.id)
    assert session.auth_time == START + timedelta(seconds=2)
