"""What a reset, and what else an admin sets, does to sign-ins elsewhere."""

from __future__ import annotations

import pytest

from agentbox.core.people.users import UserEdit
from agentbox.errors import InvalidGrant, InvalidPassword, ValidationFailed
from agentbox.model.access.roles import Role
from agentbox.model.principal import PASSWORD_CHANGE_REQUIRED
from agentbox.model.secret import Secret
from agentbox.model.users import LinkedBy
from agentbox.plugin.authenticator import AccountPolicy
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
)
from tests.core.identities.bob import NEW, OPERATOR, PASSWORD, THEIRS, bob, signed_in_by
from tests.core.world import HERE, World, add_session, add_user, signed_in

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


@pytest.mark.parametrize("policy", [BY_EMAIL, BOTH])
@pytest.mark.parametrize("by", LinkedBy)
async def test_after_a_reset_no_other_sign_in_of_the_address_is_linked(
    world: World, by: LinkedBy, policy: AccountPolicy
) -> None:
    # OA-07: it would use the reset up, and open what was to be shut
    user = await bob(world)
    await add_link(world, user, someone("before"), by)
    sites = Sites(world, Site(judged(THEIRS, policy)))
    await world.recovery.reset(OPERATOR, HERE, user.id)
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.linked(user) == []
    assert await world.waiting_reset(user.id) is not None
    assert await sites.refused() == [(f"user:{user.id}", "unlinked")]


@pytest.mark.parametrize("seconds", [0, 3 * 24 * 3600], ids=["waits", "is over"])
@pytest.mark.parametrize("policy", [BY_EMAIL, BOTH])
async def test_no_address_opens_an_account_whose_password_was_reset(
    world: World, policy: AccountPolicy, seconds: int
) -> None:
    # OA-07: the secret does, or another one
    user = await bob(world)
    await world.recovery.reset(OPERATOR, HERE, user.id)
    world.clock.move(seconds)
    sites = Sites(world, Site(judged(THEIRS, policy)))
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.linked(user) == []
    left = await world.user(user.id)
    assert left is not None
    assert left.password_change_required
    assert await sites.refused() == [(f"user:{user.id}", "password_reset")]


async def test_an_address_opens_it_again_once_the_password_is_set(world: World) -> None:
    user = await bob(world)
    await world.recovery.reset(OPERATOR, HERE, user.id)
    await world.users.edit(OPERATOR, HERE, user.id, UserEdit(password=NEW))
    sites = Sites(world, Site(judged(THEIRS, BY_EMAIL)))

    assert (await sites.sign_in()).user.id == user.id


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


# --- What an admin sets.


@pytest.mark.parametrize("again", [None, NEW])
async def test_a_password_that_an_admin_sets_takes_every_sign_in_elsewhere_away(
    world: World, again: Secret | None
) -> None:
    # OA-07: it is how operators shut out whoever has got in
    user = await bob(world)
    if again is not None:
        await world.users.edit(OPERATOR, HERE, user.id, UserEdit(password=again))
    linked = [
        await add_link(world, user, each, by)
        for each, by in ((THEIRS, LinkedBy.EMAIL), (someone("another"), LinkedBy.SESSION))
    ]
    root = await signed_in(world.storage, await add_user(world.storage, Role.SUPER_ADMIN))
    sites = Sites(world, Site(judged(THEIRS, BY_EMAIL)))

    await world.users.edit(root, HERE, user.id, UserEdit(password=NEW))

    assert await sites.linked(user) == []
    assert await world.password(user.id) is not None
    unlinked = rows(await world.audit(), "identity.unlink")
    assert {row.details["identity_id"] for row in unlinked} == {each.id for each in linked}
    assert {row.actor for row in unlinked} == {f"user:{root.user_id}"}
    with pytest.raises(InvalidGrant):
        await sites.sign_in()


async def test_a_password_of_one_s_own_leaves_sign_ins_elsewhere(world: World) -> None:
    user = await bob(world)
    linked = await add_link(world, user, THEIRS, LinkedBy.EMAIL)
    caller = await signed_in_by(world, user, "password")

    await world.passwords.change_own(caller, HERE, current=Secret(PASSWORD), new=NEW)

    assert await Sites(world, Site()).linked(user) == [linked]


@pytest.mark.parametrize("email", ["other@example.org", None])
async def test_an_address_that_an_admin_changes_takes_along_what_the_former_has_linked(
    world: World, email: str | None
) -> None:
    # OA-07: it may have been a stranger's
    user = await bob(world)
    by_email = await add_link(world, user, THEIRS, LinkedBy.EMAIL)
    kept = await add_link(world, user, someone("mine"), LinkedBy.SESSION)
    session = await add_session(world.storage, user, authenticator_id="example")
    sites = Sites(world, Site(judged(THEIRS, BY_EMAIL)))

    await world.users.edit(OPERATOR, HERE, user.id, UserEdit(email=email))

    assert await sites.linked(user) == [kept]
    [row] = rows(await world.audit(), "identity.unlink")
    assert (row.actor, row.details["identity_id"]) == ("operator", by_email.id)
    ended = await world.session(session.id)
    assert ended is not None
    assert ended.ended_at == world.clock.now()
    assert await world.password(user.id) is not None
    with pytest.raises(InvalidGrant):
        await sites.sign_in()


async def test_an_address_that_one_changes_oneself_leaves_it(world: World) -> None:
    user = await bob(world)
    linked = await add_link(world, user, THEIRS, LinkedBy.EMAIL)
    caller = await signed_in_by(world, user, "password")

    await world.users.edit(caller, HERE, user.id, UserEdit(email="other@example.org"))

    assert await Sites(world, Site()).linked(user) == [linked]
