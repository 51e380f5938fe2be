"""Giving one's password again, and what wants that it was not long ago."""

from __future__ import annotations

import pytest

from agentbox.core.people.users import UserEdit
from agentbox.errors import (
    InsufficientUserAuthentication,
    InvalidPassword,
    InvalidToken,
    SessionRequired,
)
from agentbox.model.access.decisions import FRESH_FOR
from agentbox.model.access.roles import Role
from agentbox.model.secret import Secret
from agentbox.model.users import PasswordRecord, User
from tests.core.world import HERE, PlainHasher, World, add_session, add_user, signed_in, with_key

PASSWORD = Secret("walnut-ember-quarry-71")
LATER = FRESH_FOR.total_seconds() + 1
TO = UserEdit(email="new@example.com")


@pytest.fixture
async def person(world: World) -> User:
    return await add_user(world.storage, password=PASSWORD.reveal())


async def test_the_session_is_renewed(world: World, person: User) -> None:
    caller = await signed_in(world.storage, person)
    world.clock.move(LATER)
    done = await world.passwords.reauthenticate(caller, HERE, PASSWORD)
    session = await world.session(caller.session_id)

    assert session is not None
    assert (session.auth_time, session.amr) == (done.auth_time, done.amr)
    assert done == (world.clock.now(), ("pwd",))
    assert [(row.event, row.target) for row in await world.audit()] == [
        ("session.reauthenticate", f"session:{session.id}")
    ]


async def test_other_sessions_are_as_old_as_they_were(world: World, person: User) -> None:
    other = await add_session(world.storage, person)
    caller = await signed_in(world.storage, person)
    world.clock.move(LATER)
    await world.passwords.reauthenticate(caller, HERE, PASSWORD)

    assert await world.session(other.id) == other


@pytest.mark.parametrize("text", ["", "walnut-ember-quarry-7", "WALNUT-EMBER-QUARRY-71"])
async def test_a_wrong_password_renews_nothing(world: World, person: User, text: str) -> None:
    caller = await signed_in(world.storage, person)
    before = await world.session(caller.session_id)

    with pytest.raises(InvalidPassword):
        await world.passwords.reauthenticate(caller, HERE, Secret(text))
    assert await world.session(caller.session_id) == before


async def test_one_without_a_password_has_none_to_give(world: World) -> None:
    caller = await signed_in(world.storage, await add_user(world.storage))

    with pytest.raises(InvalidPassword):
        await world.passwords.reauthenticate(caller, HERE, PASSWORD)


async def test_a_key_has_no_session_to_renew(world: World, person: User) -> None:
    caller = await with_key(world.storage, person, ["self:write"])

    with pytest.raises(SessionRequired):
        await world.passwords.reauthenticate(caller, HERE, PASSWORD)


async def test_a_session_that_is_over_is_not_renewed(world: World, person: User) -> None:
    caller = await signed_in(world.storage, person)
    async with world.storage.transaction() as tx:
        await tx.sessions.end(caller.session_id or "", world.clock.now())

    with pytest.raises(InvalidToken):
        await world.passwords.reauthenticate(caller, HERE, PASSWORD)


# PW-10: the old password is worth nothing once the change is there
async def test_a_password_changed_meanwhile_renews_nothing(world: World, person: User) -> None:
    caller = await signed_in(world.storage, person)

    class Changing(PlainHasher):
        async def matches(self, password_hash: str, password: Secret) -> bool:
            async with world.storage.transaction() as tx:
                await tx.passwords.put(PasswordRecord(person.id, "another", world.clock.now()))
            return True

    other = World(world.storage, clock=world.clock, hasher=Changing())

    with pytest.raises(InvalidPassword):
        await other.passwords.reauthenticate(caller, HERE, PASSWORD)
    assert await world.audit() == []


# --- one's own e-mail ----------------------------------------------------------------------------


async def test_an_old_session_changes_no_address(world: World, person: User) -> None:
    caller = await signed_in(world.storage, person)
    world.clock.move(LATER)

    with pytest.raises(InsufficientUserAuthentication) as refused:
        await world.users.edit(caller, HERE, person.id, TO)
    assert refused.value.members == {"max_age": 600}
    assert await world.user(person.id) == person


async def test_after_the_password_was_given_again_it_does(world: World, person: User) -> None:
    caller = await signed_in(world.storage, person)
    world.clock.move(LATER)
    await world.passwords.reauthenticate(caller, HERE, PASSWORD)

    assert (await world.users.edit(caller, HERE, person.id, TO)).email == "new@example.com"


async def test_an_unchanged_address_asks_for_nothing(world: World, person: User) -> None:
    caller = await signed_in(world.storage, person)
    world.clock.move(LATER)

    assert await world.users.edit(caller, HERE, person.id, UserEdit(email=None)) == person


async def test_a_key_that_may_write_oneself_has_no_sign_in_to_be_old(
    world: World, person: User
) -> None:
    caller = await with_key(world.storage, person, ["self:write"])
    world.clock.move(LATER)

    assert (await world.users.edit(caller, HERE, person.id, TO)).email == "new@example.com"


async def test_the_address_of_another_asks_for_no_fresh_sign_in(world: World, person: User) -> None:
    admin = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))
    world.clock.move(LATER)

    assert (await world.users.edit(admin, HERE, person.id, TO)).email == "new@example.com"
