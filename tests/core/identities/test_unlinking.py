"""A sign-in is taken away by whose it is, unless nothing else is left."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.errors import (
    Conflict,
    InvalidGrant,
    InvalidToken,
    NotFound,
)
from agentbox.model.principal import Principal
from agentbox.model.users import User
from tests.core.identities.at_sites import (
    NOBODY,
    Site,
    Sites,
    add_link,
    judged,
    rows,
    someone,
    with_email,
)
from tests.core.world import HERE, World, add_session, add_user, signed_in

PASSWORD = "the-password-of-mine"
MINE = judged(with_email("mine", "me@example.org"), NOBODY)


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage, password=PASSWORD)


@pytest.fixture
async def caller(world: World, user: User) -> Principal:
    return await signed_in(world.storage, user)


async def ended(world: World, session_id: str | None) -> bool:
    session = await world.session(session_id)
    assert session is not None
    return session.ended_at is not None


async def test_what_is_taken_away_signs_in_no_more(
    world: World, user: User, caller: Principal
) -> None:
    other = await add_session(world.storage, user)
    linked = await add_link(world, user, MINE.identity)
    sites = Sites(world, Site(MINE))

    await sites.linking.unlink(caller, HERE, linked.id)

    assert await sites.linked(user) == []
    assert await ended(world, other.id)
    assert not await ended(world, caller.session_id)
    with pytest.raises(InvalidGrant):
        await sites.sign_in()
    [row] = rows(await world.audit(), "identity.unlink")
    assert (row.actor, row.target) == (f"user:{user.id}", f"user:{user.id}")
    assert row.details == {"identity_id": linked.id, "provider": "example"}


@pytest.mark.parametrize("whose", ["somebody else's", "nobody's"])
async def test_only_one_s_own_is_taken_away(world: World, caller: Principal, whose: str) -> None:
    owner = await add_user(world.storage)
    linked = await add_link(world, owner, someone("theirs"))
    sites = Sites(world, Site())
    with pytest.raises(NotFound):
        await sites.linking.unlink(caller, HERE, linked.id if whose != "nobody's" else "none")

    assert len(await sites.linked(owner)) == 1


async def test_the_last_way_in_is_not_taken_away(world: World) -> None:
    user = await add_user(world.storage)
    caller = await signed_in(world.storage, user)
    linked = await add_link(world, user, someone())
    sites = Sites(world, Site())
    with pytest.raises(Conflict):
        await sites.linking.unlink(caller, HERE, linked.id)

    assert len(await sites.linked(user)) == 1


async def test_another_one_is_a_way_in(world: World) -> None:
    user = await add_user(world.storage)
    caller = await signed_in(world.storage, user)
    linked = [await add_link(world, user, someone(subject)) for subject in ("1", "2")]
    sites = Sites(world, Site())

    await sites.linking.unlink(caller, HERE, linked[0].id)

    with pytest.raises(Conflict):
        await sites.linking.unlink(caller, HERE, linked[1].id)


async def test_one_of_a_provider_that_is_gone_is_no_way_in(world: World) -> None:
    user = await add_user(world.storage)
    caller = await signed_in(world.storage, user)
    mine = await add_link(world, user, someone("1"))
    gone = await add_link(world, user, someone("2", authenticator_id="gone"))
    sites = Sites(world, Site())
    with pytest.raises(Conflict):
        await sites.linking.unlink(caller, HERE, mine.id)

    await sites.linking.unlink(caller, HERE, gone.id)
    assert len(await sites.linked(user)) == 1


async def test_of_two_that_are_taken_away_at_once_one_is_left(world: World) -> None:
    user = await add_user(world.storage)
    caller = await signed_in(world.storage, user)
    linked = [await add_link(world, user, someone(str(n))) for n in range(2)]
    sites = Sites(world, Site())

    got = await asyncio.gather(
        *(sites.linking.unlink(caller, HERE, each.id) for each in linked), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in got) == ["Conflict", "NoneType"]
    assert len(await sites.linked(user)) == 1


async def test_a_session_that_is_over_takes_nothing_away(
    world: World, user: User, caller: Principal
) -> None:
    linked = await add_link(world, user, someone())
    async with world.storage.transaction() as tx:
        await tx.sessions.end(caller.session_id or "", world.clock.now())
    sites = Sites(world, Site())
    with pytest.raises(InvalidToken):
        await sites.linking.unlink(caller, HERE, linked.id)

    assert len(await sites.linked(user)) == 1


async def test_one_s_own_are_listed(world: World, user: User, caller: Principal) -> None:
    other = await add_user(world.storage)
    await add_link(world, other, someone("theirs"))
    await add_link(world, user, someone("mine"))

    assert [each.subject for each in await Sites(world, Site()).linking.list(caller)] == ["mine"]
