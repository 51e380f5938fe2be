"""What a promotion does to sign-ins elsewhere: no address ever opens the account of an admin."""

from __future__ import annotations

import pytest

from agentbox.core.people.users import UserEdit
from agentbox.errors import InvalidGrant
from agentbox.model.access.roles import Role
from agentbox.model.evidence import Identity
from agentbox.model.principal import Principal
from agentbox.model.secret import Secret
from agentbox.model.users import LinkedBy, Status, User
from tests.core.identities.at_sites import (
    BY_EMAIL,
    Site,
    Sites,
    add_link,
    judged,
    rows,
    someone,
)
from tests.core.identities.bob import NEW, OPERATOR, THEIRS, bob, signed_in_by
from tests.core.world import HERE, World, add_key, add_session

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
    assert {each.subject for each in linked} == {each.subject for each in THEN[then]}
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
