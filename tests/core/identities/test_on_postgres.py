"""Where writers don't wait for each other: what happens at once has one outcome all the same."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from agentbox.core.people.users import UserEdit
from agentbox.errors import InvalidCredentials, InvalidGrant
from agentbox.model.access.roles import Role
from agentbox.model.principal import Operator
from agentbox.model.secret import Secret
from agentbox.model.users import LinkedBy, LinkedIdentity, User, UserFilter
from agentbox.plugin.storage import Page
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.core.changes.signing_in import Method, login, verified
from tests.core.identities.at_sites import (
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
from tests.core.world import HERE, START, World, add_user, signed_in
from tests.postgres import Postgres

ROUNDS = 12
WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'advisory')"
PASSWORD = "the-password-of-mine"


@pytest.fixture
async def world(fresh_dsn: str) -> AsyncIterator[World]:
    storage = PostgresStorage(fresh_dsn)
    await asyncio.to_thread(storage.migrate, own_folders())
    async with storage.open():
        yield World(storage)


async def test_two_callbacks_of_a_new_identity_make_one_user(world: World) -> None:
    for number in range(ROUNDS):
        sites = Sites(world, Site(*[judged(someone(str(number)))] * 6))
        got = await asyncio.gather(*(sites.sign_in() for _ in range(6)))
        assert len({each.user.id for each in got}) == 1

    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.users.count(UserFilter()) == ROUNDS


async def test_of_those_who_link_one_identity_at_once_one_wins(world: World) -> None:
    users = [await add_user(world.storage, password=PASSWORD) for _ in range(4)]
    callers = [await signed_in(world.storage, user) for user in users]
    for number in range(ROUNDS):
        sites = Sites(world, Site(*[judged(someone(str(number)))] * 4))
        got = await asyncio.gather(
            *(sites.link(caller, PASSWORD) for caller in callers), return_exceptions=True
        )
        assert [type(each) for each in got].count(InvalidGrant) == 3, got

    assert sum([len(await sites.linked(user)) for user in users]) == ROUNDS


async def test_a_link_and_a_first_sign_in_at_once_make_one_link(world: World) -> None:
    user = await add_user(world.storage, password=PASSWORD)
    caller = await signed_in(world.storage, user)
    for number in range(ROUNDS):
        both = judged(someone(str(number)))
        sites = Sites(world, Site(*[both] * 4))
        linked, *others = await asyncio.gather(
            sites.link(caller, PASSWORD),
            *(sites.sign_in() for _ in range(3)),
            return_exceptions=True,
        )
        assert not isinstance(linked, BaseException) or isinstance(linked, InvalidGrant), linked
        # Who signs in gets in, as whoever it is then, or loses to the link and begins again.
        assert all(
            not isinstance(each, BaseException) or isinstance(each, InvalidGrant) for each in others
        ), others
        async with world.storage.transaction(read_only=True) as tx:
            assert await tx.identities.find(both.identity.issuer, str(number)) is not None

    links = rows(await world.audit(), "identity.link")
    assert len(links) == ROUNDS


async def test_who_waits_for_a_link_is_whoever_is_linked_by_it(
    world: World, postgres: Postgres
) -> None:
    user = await add_user(world.storage)
    sites = Sites(world, Site(judged(someone())))
    linked = LinkedIdentity(
        id="link",
        user_id=user.id,
        issuer=someone().issuer,
        subject=someone().subject,
        provider="example",
        linked_by=LinkedBy.SESSION,
        linked_at=START,
    )
    async with world.storage.transaction() as tx:
        await tx.identities.add(linked)
        signing_in = asyncio.create_task(sites.sign_in())
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(postgres.run, WAITING):
                await asyncio.sleep(0.01)

    assert (await signing_in).user.id == user.id
    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.users.count(UserFilter()) == 1


async def test_no_login_by_the_old_password_is_left_beside_a_verified_address(
    world: World,
) -> None:
    # OA-07
    for number in range(ROUNDS):
        email = f"victim-{number}@example.org"
        user = await add_user(world.storage, email=email, email_verified=True, password=PASSWORD)
        old = replace(verified(user), password_set_at=START)
        sites = Sites(world, Site(judged(with_email(str(number), email), BY_EMAIL)))
        one = login(world, Method(*[old] * 4))
        signed, *logins = await asyncio.gather(
            sites.sign_in(),
            *(one.with_password(user.username, Secret("x"), HERE) for _ in range(4)),
            return_exceptions=True,
        )
        assert not isinstance(signed, BaseException), signed
        assert all(
            not isinstance(each, BaseException) or isinstance(each, InvalidCredentials)
            for each in logins
        ), logins
        async with world.storage.transaction(read_only=True) as tx:
            left = await tx.sessions.list(user.id, world.clock.now(), Page(9))
        assert [session.authenticator_id for session in left] == ["example"]


async def test_who_loses_an_address_while_they_sign_in_keeps_the_login(
    world: World, postgres: Postgres
) -> None:
    squatter = await add_user(world.storage, email="ada@example.org")
    sites = Sites(world, Site(judged(with_email("1", "ada@example.org"))))
    later = START + timedelta(hours=1)
    async with world.changes.begin_login(squatter.id, HERE) as writing:
        assert await writing.tx.users.note_login(squatter.id, later)
        signing_in = asyncio.create_task(sites.sign_in())
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(postgres.run, WAITING):
                await asyncio.sleep(0.01)

    assert (await signing_in).user.email == "ada@example.org"
    left = await world.user(squatter.id)
    assert (left.email, left.last_login) == (None, later)


async def test_who_loses_an_address_and_does_other_things_waits_for_nobody_for_ever(
    world: World,
) -> None:
    for number in range(ROUNDS):
        email = f"squatted-{number}@example.org"
        squatter = await add_user(world.storage, email=email, password=PASSWORD)
        caller = await signed_in(world.storage, squatter)
        sites = Sites(world, Site(*(judged(with_email(f"{n}-{number}", email)) for n in "12")))
        own = Sites(world, Site(judged(someone(f"own-{number}"))))
        one = login(world, Method(*[verified(squatter)] * 2))
        got = await asyncio.gather(
            *(sites.sign_in() for _ in "12"),
            own.link(caller, PASSWORD),
            *(one.with_password(squatter.username, Secret("x"), HERE) for _ in "12"),
            world.users.edit(Operator(), HERE, squatter.id, UserEdit(username=f"n-{number}")),
            return_exceptions=True,
        )
        strange = [
            each
            for each in got
            if isinstance(each, BaseException)
            and not isinstance(each, InvalidGrant | InvalidCredentials)
        ]
        assert strange == []
        left = await world.user(squatter.id)
        assert (left.email, left.username) == (None, f"n-{number}")


async def sessions_of(world: World, user: User) -> int:
    async with world.storage.transaction(read_only=True) as tx:
        return await tx.sessions.count(user.id, world.clock.now())


async def test_no_admin_is_left_with_what_an_address_has_linked(world: World) -> None:
    # OA-07
    for number in range(ROUNDS):
        email = f"new-admin-{number}@example.org"
        user = await add_user(world.storage, email=email, email_verified=True, password=PASSWORD)
        sites = Sites(world, Site(judged(with_email(email, email), BY_EMAIL)))
        signed, promoted = await asyncio.gather(
            sites.sign_in(),
            world.users.edit(Operator(), HERE, user.id, UserEdit(role=Role.ADMIN)),
            return_exceptions=True,
        )
        assert not isinstance(signed, BaseException) or isinstance(signed, InvalidGrant), signed
        assert not isinstance(promoted, BaseException), promoted
        assert await sites.linked(user) == []
        assert await sessions_of(world, user) == 0


@pytest.mark.parametrize("by_email", [False, True])
async def test_no_sign_in_elsewhere_is_left_beside_a_reset(world: World, by_email: bool) -> None:
    # OA-07: neither the link, nor a session by it, nor the same link anew by the address
    for number in range(ROUNDS):
        email = f"reset-{number}@example.org"
        user = await add_user(world.storage, email=email, email_verified=True, password=PASSWORD)
        identity = with_email(email, email)
        await add_link(world, user, identity)
        sites = Sites(world, Site(*[judged(identity, BY_EMAIL if by_email else NOBODY)] * 4))
        reset, *signed = await asyncio.gather(
            world.recovery.reset(Operator(), HERE, user.id),
            *(sites.sign_in() for _ in range(4)),
            return_exceptions=True,
        )
        assert not isinstance(reset, BaseException), reset
        assert all(
            not isinstance(each, BaseException) or isinstance(each, InvalidGrant) for each in signed
        ), signed
        assert await sites.linked(user) == []
        assert await sessions_of(world, user) == 0
        assert await world.waiting_reset(user.id) is not None


async def test_of_two_who_come_by_one_address_at_once_one_has_the_account(world: World) -> None:
    # OA-07
    for number in range(ROUNDS):
        email = f"two-{number}@example.org"
        user = await add_user(world.storage, email=email, email_verified=True, password=PASSWORD)
        both = [with_email(f"{name}-{number}", email) for name in ("one", "other")]
        sites = Sites(world, Site(*(judged(each, BY_EMAIL) for each in both)))
        got = await asyncio.gather(*(sites.sign_in() for _ in both), return_exceptions=True)
        assert sorted(type(each).__name__ for each in got) == ["InvalidGrant", "SignedIn"], got
        assert len(await sites.linked(user)) == 1
        assert await sessions_of(world, user) == 1


async def test_the_longest_key_that_is_let_in_is_one_that_indexes_take(world: World) -> None:
    # Random, for Postgres packs before it measures.
    subject, path = secrets.token_hex(256), secrets.token_hex(256)[:493]
    key = someone(subject, issuer=f"https://id.example/{path}")
    sites = Sites(world, Site(*[judged(key)] * 2, tells_issuers=False))
    assert len(key.issuer) == len(key.subject) == 512
    first, again = [(await sites.sign_in()).user.id for _ in range(2)]

    assert first == again


async def test_a_key_of_long_characters_is_refused_before_the_database_does(world: World) -> None:
    sites = Sites(world, Site(judged(someone("".join(map(chr, range(0x10000, 0x10200)))))))
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.refused() == [("anonymous", "issuer")]
