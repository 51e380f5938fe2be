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
from agentbox.model.evidence import Identity
from agentbox.model.principal import Principal
from agentbox.model.users import User
from agentbox.plugin.authenticator import AccountPolicy
from tests.core.identities.at_sites import (
    BOTH,
    BY_EMAIL,
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
    assert row.details == {
        "identity_id": linked.id,
        "provider": "example",
        "subject_digest": linked.subject_digest,
    }


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
    gone = await add_link(
        world, user, someone("2", authenticator_id="gone", issuer="https://gone.example")
    )
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


# --- Not by an address again.

SAME = with_email("mine", "mine@example.org")


async def unlinked(world: World, sites: Sites, identity: Identity = SAME) -> User:
    """Somebody who has taken that sign-in away."""
    user = await add_user(
        world.storage, password=PASSWORD, email="mine@example.org", email_verified=True
    )
    linked = await add_link(world, user, identity)
    await sites.linking.unlink(await signed_in(world.storage, user), HERE, linked.id)
    return user


@pytest.mark.parametrize("policy", [BY_EMAIL, BOTH])
async def test_what_was_taken_away_is_not_linked_by_an_address_again(
    world: World, policy: AccountPolicy
) -> None:
    # OA-07: whoever was shut out has the address still, and would wipe the account besides
    sites = Sites(world, Site(judged(SAME, policy)))
    user = await unlinked(world, sites)
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.linked(user) == []
    assert await world.password(user.id) is not None
    assert await sites.refused() == [(f"user:{user.id}", "unlinked")]


async def test_what_was_taken_away_stays_so_whatever_others_do_with_it(world: World) -> None:
    # OA-07: linked to an account of their own meanwhile, and taken away there
    sites = Sites(world, Site(judged(SAME, NOBODY), judged(SAME, BOTH)))
    user = await unlinked(world, sites)
    mallory = await add_user(world.storage, password=PASSWORD)
    caller = await signed_in(world.storage, mallory)
    theirs = await sites.link(caller, PASSWORD)
    await sites.linking.unlink(caller, HERE, theirs.id)
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.linked(user) == []


async def test_what_was_taken_away_is_linked_again_while_signed_in(world: World) -> None:
    sites = Sites(world, Site(*[judged(SAME, BY_EMAIL)] * 2))
    user = await unlinked(world, sites)

    await sites.link(await signed_in(world.storage, user), PASSWORD)

    assert (await sites.sign_in()).user.id == user.id


@pytest.mark.parametrize("policy", [BY_EMAIL, BOTH])
@pytest.mark.parametrize(
    "former",
    [
        with_email("former", "mine@example.org"),
        with_email("mine", "mine@example.org", issuer="https://former.example"),
        someone("former"),
    ],
)
async def test_who_has_taken_one_away_is_linked_by_no_address_any_more(
    world: World, former: Identity, policy: AccountPolicy
) -> None:
    # OA-07: another subject may have the address there, and would wipe the account besides
    sites = Sites(world, Site(judged(SAME, policy)))
    user = await unlinked(world, sites, former)
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.linked(user) == []
    assert await world.password(user.id) is not None
    assert await sites.refused() == [(f"user:{user.id}", "unlinked")]


# --- The last way in.


async def test_a_provider_of_that_name_at_another_site_is_no_way_in(world: World) -> None:
    user = await add_user(world.storage)
    caller = await signed_in(world.storage, user)
    mine = await add_link(world, user, someone("1"))
    await add_link(world, user, someone("2", issuer="https://former.example"))
    sites = Sites(world, Site())
    with pytest.raises(Conflict):
        await sites.linking.unlink(caller, HERE, mine.id)

    assert len(await sites.linked(user)) == 2


async def test_a_provider_is_a_way_in_by_whatever_name_it_was_linked(world: World) -> None:
    user = await add_user(world.storage)
    caller = await signed_in(world.storage, user)
    mine = await add_link(world, user, someone("1"))
    await add_link(world, user, someone("2", authenticator_id="former"))
    sites = Sites(world, Site())

    await sites.linking.unlink(caller, HERE, mine.id)

    assert [each.subject for each in await sites.linked(user)] == ["2"]


async def test_a_provider_that_does_not_tell_its_issuer_is_no_way_in(world: World) -> None:
    user = await add_user(world.storage)
    caller = await signed_in(world.storage, user)
    linked = [await add_link(world, user, someone(subject)) for subject in ("1", "2")]
    sites = Sites(world, Site(tells_issuers=False))
    with pytest.raises(Conflict):
        await sites.linking.unlink(caller, HERE, linked[0].id)


async def test_a_password_that_nothing_signs_in_by_is_no_way_in(
    world: World, user: User, caller: Principal
) -> None:
    linked = await add_link(world, user, someone())
    sites = Sites(world, Site(), password_signs_in=False)
    with pytest.raises(Conflict):
        await sites.linking.unlink(caller, HERE, linked.id)

    assert len(await sites.linked(user)) == 1
