"""What a reset and a promotion do to sign-ins elsewhere."""

from __future__ import annotations

import pytest

from agentbox.core.people.users import UserEdit
from agentbox.errors import InvalidGrant, InvalidPassword, ValidationFailed
from agentbox.model.access.roles import Role
from agentbox.model.evidence import Identity
from agentbox.model.principal import PASSWORD_CHANGE_REQUIRED, Operator, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import LinkedBy, Status, User
from tests.core.identities.at_sites import (
    BOTH,
    BY_EMAIL,
    PAGE,
    Site,
    Sites,
    add_link,
    judged,
    query_of,
    rows,
    someone,
    with_email,
)
from tests.core.world import HERE, World, add_session, add_user, principal

OPERATOR = Operator()
PASSWORD = "the-password-of-mine"
NEW = Secret("a-new-password-of-mine")
EMAIL = "bob@example.org"
THEIRS = with_email("theirs", EMAIL)


async def bob(world: World, role: Role = Role.USER) -> User:
    return await add_user(world.storage, role, email=EMAIL, email_verified=True, password=PASSWORD)


async def signed_in_by(
    world: World, user: User, method: str, restrictions: tuple[str, ...] = ()
) -> Principal:
    session = await add_session(world.storage, user, authenticator_id=method)
    one = principal(user, session_id=session.id, restrictions=restrictions)
    credential = type(one.credential)(kind="session", id=session.id, authenticator_id="jwt")
    return principal(user, session_id=session.id, credential=credential, restrictions=restrictions)


# --- A reset.


@pytest.mark.parametrize("policy", [BY_EMAIL, BOTH])
async def test_a_reset_takes_every_sign_in_elsewhere_away(world: World, policy: object) -> None:
    # OA-07: whoever has the account linked one, and would be back after the reset
    user = await bob(world)
    linked = [
        await add_link(world, user, each, by)
        for each, by in ((THEIRS, LinkedBy.EMAIL), (someone("another"), LinkedBy.SESSION))
    ]
    other = await add_user(world.storage)
    kept = await add_link(world, other, someone("of another"))
    sites = Sites(world, Site(judged(THEIRS, policy)))  # type: ignore[arg-type]

    await world.recovery.reset(OPERATOR, HERE, user.id)

    assert await sites.linked(user) == []
    assert await sites.linked(other) == [kept]
    unlinked = rows(await world.audit(), "identity.unlink")
    assert {row.details["identity_id"] for row in unlinked} == {each.id for each in linked}
    assert {(row.actor, row.target) for row in unlinked} == {("operator", f"user:{user.id}")}
    with pytest.raises(InvalidGrant):
        await sites.sign_in()
    assert await world.waiting_reset(user.id) is not None
    assert await sites.refused() == [(f"user:{user.id}", "unlinked")]


async def test_a_sign_in_that_waits_for_its_exchange_does_not_outlive_a_reset(
    world: World,
) -> None:
    # OA-09
    user = await bob(world)
    await add_link(world, user, THEIRS)
    sites = Sites(world, Site(judged(THEIRS, BY_EMAIL)))
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    await world.recovery.reset(OPERATOR, HERE, user.id)
    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, None, HERE, browser=browser)

    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.sessions.count(user.id, world.clock.now()) == 0


@pytest.mark.parametrize("method", ["example", "hasher", "", "of-before"])
@pytest.mark.parametrize("has_password", [False, True])
async def test_only_the_secret_opens_a_session_that_may_leave_the_password_out(
    world: World, method: str, has_password: bool
) -> None:
    # PW-10, OA-07: a sign-in elsewhere sets no password in place of the one that was reset
    password = PASSWORD if has_password else None
    user = await add_user(world.storage, password=password, password_change_required=True)
    caller = await signed_in_by(world, user, method, (PASSWORD_CHANGE_REQUIRED,))

    with pytest.raises(ValidationFailed):
        await world.passwords.change_own(caller, HERE, current=None, new=NEW)
    with pytest.raises(InvalidPassword):
        await world.passwords.change_own(caller, HERE, current=Secret("a guess"), new=NEW)
    record = await world.password(user.id)
    assert (record is not None) is has_password
    assert record is None or record.updated_at == user.updated_at


async def test_a_session_that_the_secret_opened_may_leave_the_password_out(world: World) -> None:
    user = await add_user(world.storage, password_change_required=True)
    caller = await signed_in_by(world, user, "password", (PASSWORD_CHANGE_REQUIRED,))

    await world.passwords.change_own(caller, HERE, current=None, new=NEW)

    assert await world.password(user.id) is not None


async def test_a_sign_in_elsewhere_gives_the_password_that_must_be_changed(world: World) -> None:
    user = await add_user(world.storage, password=PASSWORD, password_change_required=True)
    caller = await signed_in_by(world, user, "example", (PASSWORD_CHANGE_REQUIRED,))

    await world.passwords.change_own(caller, HERE, current=Secret(PASSWORD), new=NEW)


# --- A promotion.


@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
@pytest.mark.parametrize("before", [Role.VIEWER, Role.USER])
async def test_a_promotion_to_admin_takes_away_what_an_address_has_linked(
    world: World, before: Role, role: Role
) -> None:
    # OA-07: no address ever opens the account of an admin
    user = await bob(world, before)
    by_email = await add_link(world, user, THEIRS, LinkedBy.EMAIL)
    kept = [
        await add_link(world, user, someone(by.value), by)
        for by in (LinkedBy.SESSION, LinkedBy.FIRST_SIGN_IN)
    ]
    session = await add_session(world.storage, user, authenticator_id="example")
    sites = Sites(world, Site(judged(THEIRS, BY_EMAIL)))

    await world.users.edit(OPERATOR, HERE, user.id, UserEdit(role=role))

    left = await sites.linked(user)
    assert {each.id for each in left} == {each.id for each in kept}
    [row] = rows(await world.audit(), "identity.unlink")
    assert (row.actor, row.target) == ("operator", f"user:{user.id}")
    assert row.details == {"identity_id": by_email.id, "provider": "example"}
    ended = await world.session(session.id)
    assert ended is not None
    assert ended.ended_at == world.clock.now()
    with pytest.raises(InvalidGrant):
        await sites.sign_in()


@pytest.mark.parametrize(
    ("before", "edit"),
    [
        (Role.VIEWER, UserEdit(role=Role.USER)),
        (Role.USER, UserEdit(role=Role.VIEWER)),
        (Role.USER, UserEdit(username="renamed")),
        (Role.USER, UserEdit(status=Status.ACTIVE)),
        (Role.ADMIN, UserEdit(role=Role.SUPER_ADMIN)),
        (Role.ADMIN, UserEdit(role=Role.USER)),
    ],
)
async def test_other_edits_leave_it(world: World, before: Role, edit: UserEdit) -> None:
    user = await bob(world, before)
    linked = await add_link(world, user, THEIRS, LinkedBy.EMAIL)
    session = await add_session(world.storage, user)

    await world.users.edit(OPERATOR, HERE, user.id, edit)

    assert await Sites(world, Site()).linked(user) == [linked]
    kept = await world.session(session.id)
    assert kept is not None
    assert kept.ended_at is None


@pytest.mark.parametrize("identity", [someone("1"), None])
async def test_a_promotion_without_such_a_link_ends_no_session(
    world: World, identity: Identity | None
) -> None:
    user = await bob(world)
    if identity is not None:
        await add_link(world, user, identity)
    session = await add_session(world.storage, user)

    await world.users.edit(OPERATOR, HERE, user.id, UserEdit(role=Role.ADMIN))

    kept = await world.session(session.id)
    assert kept is not None
    assert kept.ended_at is None
