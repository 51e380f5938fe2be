"""A verified address opens the account of the user who has verified it, and nobody else's."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from agentbox.core.people.users import UserEdit
from agentbox.errors import AuthenticatorUnavailable, InvalidGrant
from agentbox.model.access.roles import Role
from agentbox.model.api_keys import ApiKeyFilter, ApiKeyState
from agentbox.model.evidence import Identity
from agentbox.model.users import LinkedBy, Status, User
from agentbox.plugin.authenticator import AccountPolicy
from agentbox.plugin.storage import Change, Page, Storage
from tests.core.changes.watched import WatchedStorage
from tests.core.identities.at_sites import (
    ANYBODY,
    BOTH,
    BY_EMAIL,
    Site,
    Sites,
    add_link,
    judged,
    rows,
    someone,
    with_email,
)
from tests.core.world import HERE, World, add_key, add_session, add_user, with_key

EMAIL = "victim@example.org"
VICTIM = with_email("victim", EMAIL)


async def holder(world: World, role: Role = Role.USER, **fields: Any) -> User:
    values: dict[str, Any] = {"email": EMAIL, "email_verified": True, "password": "before"}
    return await add_user(world.storage, role, **(values | fields))


async def refused(world: World, identity: Any = VICTIM, policy: Any = BY_EMAIL) -> Sites:
    sites = Sites(world, Site(judged(identity, policy)))
    with pytest.raises(InvalidGrant):
        await sites.sign_in()
    return sites


@pytest.mark.parametrize("policy", [BY_EMAIL, BOTH])
@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER])
async def test_a_verified_address_opens_the_account_that_has_verified_it(
    world: World, role: Role, policy: Any
) -> None:
    user = await holder(world, role)
    sites = Sites(world, Site(judged(VICTIM, policy)))

    signed_in = await sites.sign_in()

    assert (signed_in.user.id, signed_in.user.role) == (user.id, role)
    [linked] = await sites.linked(user)
    assert (linked.issuer, linked.subject) == (VICTIM.issuer, VICTIM.subject)
    [row] = rows(await world.audit(), "identity.link")
    assert (row.actor, row.target) == ("system", f"user:{user.id}")
    assert row.details == {
        "identity_id": linked.id,
        "provider": "example",
        "subject_digest": sha256(b"https://id.example\0victim").hexdigest()[:16],
        "by": "email",
    }


async def test_an_address_is_compared_as_it_is_kept(world: World) -> None:
    user = await holder(world)
    sites = Sites(world, Site(judged(with_email("1", "Victim@Example.ORG"), BY_EMAIL)))

    assert (await sites.sign_in()).user.id == user.id


async def test_everything_from_before_is_dead(world: World) -> None:
    # OA-07: an attacker was there first, with the victim's address
    user = await holder(world)
    session = await add_session(world.storage, user)
    keys = [await add_key(world.storage, user, ["self:read"]) for _ in range(3)]
    sites = Sites(world, Site(judged(VICTIM, BY_EMAIL)))

    signed_in = await sites.sign_in()

    assert signed_in.user.id == user.id
    assert await world.password(user.id) is None
    ended = await world.session(session.id)
    assert ended is not None
    assert ended.ended_at == world.clock.now()
    async with world.storage.transaction(read_only=True) as tx:
        where = ApiKeyFilter(user_id=user.id, state=ApiKeyState.ACTIVE, now=world.clock.now())
        assert list(await tx.api_keys.list(where, Page(9))) == []
        sessions = await tx.sessions.list(user.id, world.clock.now(), Page(9))
    assert len(sessions) == 1  # the one that has just begun
    assert [each.subject for each in await sites.linked(user)] == [VICTIM.subject]
    audit = await world.audit()
    assert {row.target for row in rows(audit, "api_key.revoke")} == {
        f"api_key:{key.id}" for key in keys
    }


THERE = {
    "another one of the site": someone("first"),
    "one of another site": someone("first", issuer="https://other.example"),
    "the subject at another site": someone(VICTIM.subject, issuer="https://other.example"),
}


@pytest.mark.parametrize("policy", [BY_EMAIL, BOTH])
@pytest.mark.parametrize("by", LinkedBy)
@pytest.mark.parametrize("there", THERE.values(), ids=THERE)
async def test_an_account_that_has_a_sign_in_elsewhere_is_not_opened_by_an_address(
    world: World, there: Identity, by: LinkedBy, policy: AccountPolicy
) -> None:
    # OA-07: whoever gets the address of a mailbox, there or at any other site, would take it over
    user = await holder(world)
    session = await add_session(world.storage, user)
    linked = await add_link(world, user, there, by)
    sites = await refused(world, policy=policy)

    assert await sites.linked(user) == [linked]
    assert await world.user(user.id) == user
    assert await world.password(user.id) is not None
    kept = await world.session(session.id)
    assert kept is not None
    assert kept.ended_at is None
    assert await sites.refused() == [(f"user:{user.id}", "email_taken")]


@pytest.mark.parametrize(
    "fields",
    [
        {"role": Role.ADMIN},
        {"role": Role.SUPER_ADMIN},
        {"status": Status.INACTIVE},
        {"status": Status.SUSPENDED},
    ],
    ids=str,
)
async def test_why_no_address_opens_the_account_of_an_admin_or_of_who_is_disabled(
    world: World, fields: dict[str, Any]
) -> None:
    # as docs/http.md and docs/sign-in-elsewhere.md have it
    user = await holder(world, **fields)

    unknown = await refused(world, policy=BY_EMAIL)
    assert await unknown.refused() == [("anonymous", "unknown_identity")]
    taken = await refused(world, policy=BOTH)
    assert (await taken.refused())[1:] == [(f"user:{user.id}", "email_taken")]


async def test_two_sites_of_one_address_don_t_take_an_account_from_each_other(
    world: World,
) -> None:
    # OA-07
    user = await holder(world)
    one, two = VICTIM, with_email("v", EMAIL, issuer="https://other.example")
    said = [judged(each, BY_EMAIL) for each in (one, two, one)]
    sites = Sites(world, Site(*said, tells_issuers=False))
    await sites.sign_in()
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert (await sites.sign_in()).user.id == user.id


async def test_what_others_have_is_left_alone(world: World) -> None:
    await holder(world)
    other = await add_user(world.storage, password="theirs")
    session = await add_session(world.storage, other)
    await add_link(world, other, someone("other"))
    sites = Sites(world, Site(judged(VICTIM, BY_EMAIL)))

    await sites.sign_in()

    kept = await world.session(session.id)
    assert kept is not None
    assert kept.ended_at is None
    assert await world.password(other.id) is not None
    assert len(await sites.linked(other)) == 1


@pytest.mark.parametrize("policy", [BY_EMAIL, BOTH])
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_an_admin_is_never_linked_by_an_address(
    world: World, role: Role, policy: Any
) -> None:
    # OA-07
    user = await holder(world, role)
    sites = await refused(world, policy=policy)

    assert await sites.linked(user) == []
    assert await world.password(user.id) is not None


@pytest.mark.parametrize("policy", [BY_EMAIL, BOTH])
@pytest.mark.parametrize("status", [Status.INACTIVE, Status.SUSPENDED])
async def test_nobody_is_linked_who_may_not_sign_in(
    world: World, status: Status, policy: Any
) -> None:
    # OA-09
    user = await holder(world, status=status)
    sites = await refused(world, policy=policy)

    assert await sites.linked(user) == []
    assert await world.user(user.id) == user


async def test_nobody_is_linked_without_the_policy(world: World) -> None:
    user = await holder(world)
    sites = await refused(world, policy=ANYBODY)

    assert await sites.linked(user) == []
    assert await world.password(user.id) is not None


async def test_an_address_that_its_holder_has_not_verified_opens_nothing(world: World) -> None:
    # OA-07
    user = await holder(world, email_verified=False)
    sites = await refused(world)

    assert await world.user(user.id) == user
    assert await sites.linked(user) == []


async def test_a_key_that_may_only_write_users_opens_no_account_of_another(world: World) -> None:
    # OA-07: it gives the account its own address, and comes by a site that has verified that one
    user = await holder(world)
    root = await add_user(world.storage, Role.SUPER_ADMIN)
    key = await with_key(world.storage, root, ["users:write"])
    mallory = "mallory@example.org"
    await world.users.edit(key, HERE, user.id, UserEdit(email=mallory))
    sites = await refused(world, with_email("mallory", mallory))

    assert await sites.linked(user) == []
    assert await world.password(user.id) is not None


async def test_an_address_that_the_site_has_not_verified_opens_nothing(world: World) -> None:
    # OA-06
    user = await holder(world)
    sites = await refused(world, someone("victim", email=EMAIL, email_verified=False))

    assert await sites.linked(user) == []


@pytest.mark.parametrize("verified", ["true", 1, None, "false", 0])
async def test_nothing_but_a_truth_verifies(world: World, verified: Any) -> None:
    # OA-06
    user = await holder(world)
    sites = Sites(world, Site(judged(with_email("victim", EMAIL, email_verified=verified))))
    with pytest.raises(AuthenticatorUnavailable):
        await sites.sign_in()

    assert await sites.linked(user) == []


async def test_an_address_that_is_nearly_the_same_opens_nothing(world: World) -> None:
    user = await holder(world)
    for email in ("victim@example.org.evil", "victim+x@example.org", "vıctim@example.org"):
        sites = await refused(world, with_email("x", email))
        assert await sites.linked(user) == []


async def test_it_is_alone_with_the_logins_of_its_user(storage: Storage) -> None:
    # OA-07: a login by the old password that has begun is not left with a session
    watched = WatchedStorage(storage)
    world = World(watched)  # type: ignore[arg-type]
    user = await holder(world)
    sites = Sites(world, Site(judged(VICTIM, BY_EMAIL)))
    watched.writes.clear()

    await sites.sign_in()

    [change] = [used for used in watched.writes if "api_keys" in used]
    assert change[0] == "lock rights"
    assert change.index(f"lock user:{user.id}") < change.index("passwords")
    assert change.index(f"lock user:{user.id}") < change.index("sessions")


async def test_every_process_hears_of_what_is_dead(world: World) -> None:
    heard: list[Change] = []
    world.storage.on_change(heard.append)
    user = await holder(world)
    key = await add_key(world.storage, user, ["self:read"])
    await Sites(world, Site(judged(VICTIM, BY_EMAIL))).sign_in()

    assert {Change("user", user.id), Change("api_key", key.id)} <= set(heard)
