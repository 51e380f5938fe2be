"""What changes between the steps of a sign-in ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from agentbox.errors import InvalidGrant
from agentbox.model.principal import Operator
from agentbox.model.sessions import Session
from agentbox.model.users import Status, User
from agentbox.plugin.authenticator import Verified
from agentbox.plugin.storage import Page
from tests.core.identities.at_sites import (
    ANYBODY,
    NOBODY,
    PAGE,
    Site,
    Sites,
    add_link,
    judged,
    query_of,
    someone,
)
from tests.core.world import HERE, World, add_user

Step = Callable[[World, User], Awaitable[object]]


async def disable(world: World, user: User) -> None:
    await world.users.switch(Operator(), HERE, user.id, Status.INACTIVE)


async def suspend(world: World, user: User) -> None:
    await world.change(user, status=Status.SUSPENDED)


async def delete(world: World, user: User) -> None:
    await world.users.delete(Operator(), HERE, user.id)


async def take_the_link(world: World, user: User) -> None:
    async with world.storage.transaction() as tx:
        for linked in await tx.identities.of_user(user.id):
            await tx.identities.unlink(linked.id, world.clock.now())


async def give_it_to_another(world: World, user: User) -> None:
    await take_the_link(world, user)
    await add_link(world, await add_user(world.storage), someone())


CHANGES = [disable, suspend, delete, take_the_link]
REASONS = {disable: "inactive", suspend: "inactive"}


@pytest.fixture
async def user(world: World) -> User:
    user = await add_user(world.storage, username="alice")
    await add_link(world, user, someone())
    return user


async def sessions_of(world: World, user: User) -> list[Session]:
    async with world.storage.transaction(read_only=True) as tx:
        return list(await tx.sessions.list(user.id, world.clock.now(), Page(9)))


@pytest.mark.parametrize("change", CHANGES)
async def test_between_start_and_callback(world: World, user: User, change: Step) -> None:
    # OA-09
    sites = Sites(world, Site(judged(someone(), NOBODY)))
    state, browser = await sites.begin()
    await change(world, user)
    with pytest.raises(InvalidGrant):
        await sites.back(state, browser)

    assert await sessions_of(world, user) == []
    [(_, reason)] = await sites.refused()
    assert reason == REASONS.get(change, "unknown_identity")


@pytest.mark.parametrize("change", CHANGES)
async def test_between_callback_and_exchange(world: World, user: User, change: Step) -> None:
    # OA-09
    sites = Sites(world, Site(judged(someone(), NOBODY)))
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    await change(world, user)
    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, None, HERE, browser=browser)

    assert await sessions_of(world, user) == []


@pytest.mark.parametrize("change", [*CHANGES, give_it_to_another])
async def test_between_the_judgement_and_the_session(
    world: World, user: User, change: Step
) -> None:
    # OA-09: a policy is asked when the user has been found, and before the session is written
    class Changing:
        async def check_login(self, *args: Any) -> None:
            await change(world, user)

    sites = Sites(world, Site(judged(someone(), NOBODY)), policies=[Changing()])
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sessions_of(world, user) == []
    [(_, reason)] = await sites.refused()
    assert reason == "raced"


@pytest.mark.parametrize("page", [None, PAGE])
async def test_a_provider_that_is_switched_off_ends_what_it_has_begun(
    world: World, user: User, page: str | None
) -> None:
    # OA-09: another process of the next configuration has the database now
    state, browser = await Sites(world, Site()).begin(return_to=page)
    without = Sites(world, Site(judged(someone()), ids=["other"]))
    with pytest.raises(InvalidGrant):
        await without.back(state, browser)

    assert await without.refused() == [("anonymous", "provider")]


async def test_a_provider_that_is_switched_off_ends_what_waits_for_its_exchange(
    world: World, user: User
) -> None:
    # OA-09
    sites = Sites(world, Site(judged(someone())))
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    without = Sites(world, Site(ids=["other"]))
    with pytest.raises(InvalidGrant):
        await without.redirects.exchange(code, None, HERE, browser=browser)

    assert await without.refused() == [("anonymous", "provider")]


async def test_who_is_made_anew_under_the_name_does_not_get_the_link(
    world: World, user: User
) -> None:
    # JWT-13
    sites = Sites(world, Site(*[judged(someone(preferred_username="alice"), NOBODY)] * 2))
    assert (await sites.sign_in()).user.id == user.id
    await world.users.delete(Operator(), HERE, user.id)
    again = await add_user(world.storage, username="alice")
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.linked(again) == []
    assert await sites.refused() == [("anonymous", "unknown_identity")]


async def test_who_is_made_anew_by_the_site_is_another_user(world: World, user: User) -> None:
    # JWT-13
    sites = Sites(world, Site(judged(someone(preferred_username="alice"), ANYBODY)))
    await world.users.delete(Operator(), HERE, user.id)
    again = await add_user(world.storage, username="alice")

    made = (await sites.sign_in()).user

    assert made.id not in {user.id, again.id}
    assert made.username.startswith("alice-")


@pytest.mark.parametrize(
    ("said", "kept"),
    [(None, -30 * 24), (timedelta(hours=-3), -3), (timedelta(0), 0), (timedelta(hours=9), 0)],
    ids=["nothing", "earlier", "now", "tomorrow"],
)
async def test_a_site_makes_no_sign_in_fresher_than_it_is(
    world: World, user: User, said: timedelta | None, kept: int
) -> None:
    now = world.clock.now()
    auth_time = None if said is None else now + said
    sites = Sites(world, Site(Verified(someone(auth_time=auth_time))))
    await sites.sign_in()

    [session] = await sessions_of(world, user)
    assert session.auth_time == now + timedelta(hours=kept)
    assert (session.authenticator_id, session.amr) == ("example", ("federated",))
