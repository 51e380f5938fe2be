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
    with_email,
)
from tests.core.world import HERE, World, add_key, add_session, add_user, principal, signed_in

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


# --- A promotion.


ADMINS = [Role.ADMIN, Role.SUPER_ADMIN]
THEN = {
    "the link is there": [THEIRS],
    "it was taken away": [],
    "it was taken away and linked again": [THEIRS],
    "another one was linked": [THEIRS, someone("second")],
    "another one took its place": [someone("second")],
}


async def opened_by_address(world: World, then: str) -> tuple[User, Sites, Principal]:
    """Somebody whose account an address has opened, and what was done in that session."""
    user = await bob(world)
    answers = [judged(THEIRS, BY_EMAIL)]
    answers += [judged(THEIRS if "again" in then else someone("second"))] * 9
    sites = Sites(world, Site(*answers))
    opened = (await sites.sign_in()).user
    caller = await signed_in_by(world, opened, "example")
    [by_email] = await sites.linked(user)
    await world.passwords.change_own(caller, HERE, current=None, new=NEW)
    if "another" in then:
        await sites.link(caller, NEW.reveal())
    if "place" in then or "away" in then:
        await sites.linking.unlink(caller, HERE, by_email.id)
    if "again" in then:
        await sites.link(caller, NEW.reveal())
    return opened, sites, caller


@pytest.mark.parametrize("role", ADMINS)
@pytest.mark.parametrize("then", THEN)
async def test_a_promotion_takes_every_way_in_that_an_address_has_opened(
    world: World, then: str, role: Role
) -> None:
    # OA-07: no address ever opens the account of an admin, by whatever was set up in its session
    user, sites, caller = await opened_by_address(world, then)
    linked = await sites.linked(user)
    assert [(each.issuer, each.subject) for each in linked] == [
        (each.issuer, each.subject) for each in THEN[then]
    ]
    assert {each.linked_by for each in linked} <= {LinkedBy.EMAIL}
    key = await add_key(world.storage, user, ["self:read"])

    await world.users.edit(OPERATOR, HERE, user.id, UserEdit(role=role))

    assert await sites.linked(user) == []
    assert await world.password(user.id) is None
    assert await world.waiting_reset(user.id) is None
    ended = await world.session(caller.session_id)
    assert ended is not None
    assert ended.ended_at == world.clock.now()
    audit = await world.audit()
    assert [row.target for row in rows(audit, "api_key.revoke")] == [f"api_key:{key.id}"]
    gone = {row.details["identity_id"] for row in rows(audit, "identity.unlink")}
    assert {each.id for each in linked} <= gone
    [row] = rows(audit, "user.update")
    assert row.details == {"role": role.value, "role_before": "user", "ways_in": "taken away"}


async def test_a_promotion_takes_a_waiting_reset_too(world: World) -> None:
    user, _, _ = await opened_by_address(world, "the link is there")
    await world.recovery.reset(OPERATOR, HERE, user.id)

    promoted = await world.users.edit(OPERATOR, HERE, user.id, UserEdit(role=Role.ADMIN))

    assert await world.waiting_reset(user.id) is None
    assert not promoted.password_change_required
    assert await world.user(user.id) == promoted


async def test_a_password_that_comes_with_the_promotion_stays(world: World) -> None:
    user, _, _ = await opened_by_address(world, "the link is there")

    edit = UserEdit(role=Role.ADMIN, password=Secret("one-that-the-admin-has-chosen"))
    await world.users.edit(OPERATOR, HERE, user.id, edit)

    assert await world.password(user.id) is not None


async def test_what_an_admin_links_is_linked_by_the_session(world: World) -> None:
    # The promotion has taken away what the address had opened.
    user, sites, _ = await opened_by_address(world, "the link is there")
    promoted = await world.users.edit(OPERATOR, HERE, user.id, UserEdit(role=Role.ADMIN))

    linked = await sites.link(await signed_in_by(world, promoted, "password"))

    assert linked.linked_by is LinkedBy.SESSION


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
    assert row.details == {
        "identity_id": by_email.id,
        "provider": "example",
        "subject_digest": by_email.subject_digest,
    }
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
