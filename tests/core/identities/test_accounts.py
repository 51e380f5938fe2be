"""Whose an identity is: found by (issuer, subject), or made where the provider's policy says so."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from agentbox.errors import AuthenticatorUnavailable, InvalidGrant
from agentbox.model.access.roles import Role
from agentbox.model.environments import GrantFilter
from agentbox.model.evidence import LOCAL_ISSUER
from agentbox.model.formats.names import is_username
from agentbox.model.users import Status, User, UserFilter
from tests.core.identities.at_sites import (
    ANYBODY,
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
from tests.core.world import World, add_user

EMAIL = "ada@example.org"


def sites_of(world: World, *answers: Any) -> Sites:
    return Sites(world, Site(*answers))


async def made(world: World, *identities: Any) -> list[User]:
    """Who signs in by each of these, in their order."""
    sites = sites_of(world, *map(judged, identities))
    return [(await sites.sign_in()).user for _ in identities]


async def count(world: World) -> int:
    async with world.storage.transaction(read_only=True) as tx:
        return await tx.users.count(UserFilter())


# --- Found.


async def test_the_same_subject_is_the_same_user(world: World) -> None:
    first, again = await made(world, someone(), someone())

    assert first.id == again.id


async def test_another_subject_is_another_user(world: World) -> None:
    # OA-05
    users = await made(world, someone("1"), someone("2"), someone("1 "), someone("I"), someone("i"))

    assert len({user.id for user in users}) == 5


async def test_the_same_subject_at_another_site_is_another_user(world: World) -> None:
    # OA-05
    said = [judged(someone()), judged(someone(issuer="https://id.example/"))]
    sites = Sites(world, Site(*said, tells_issuers=False))
    one, other = [(await sites.sign_in()).user for _ in said]

    assert one.id != other.id


async def test_addresses_that_are_swapped_swap_nobody(world: World) -> None:
    # OA-05
    first, second = await made(world, with_email("1", "a@x.org"), with_email("2", "b@x.org"))
    again = await made(world, with_email("1", "b@x.org"), with_email("2", "a@x.org"))

    assert [user.id for user in again] == [first.id, second.id]
    assert [user.email for user in again] == ["a@x.org", "b@x.org"]


async def test_addresses_that_are_swapped_swap_nobody_where_they_may_link(world: World) -> None:
    # OA-05
    sites = sites_of(
        world,
        judged(with_email("1", "a@x.org"), BOTH),
        judged(with_email("2", "b@x.org"), BOTH),
        judged(with_email("1", "b@x.org"), BOTH),
        judged(with_email("2", "a@x.org"), BOTH),
    )
    first, second, third, fourth = [(await sites.sign_in()).user.id for _ in range(4)]

    assert first != second
    assert (first, second) == (third, fourth)


@pytest.mark.parametrize("subject", [None, 0, 7, b"x", ["x"]])
async def test_a_subject_of_another_kind_breaks_the_plugin(world: World, subject: Any) -> None:
    # OA-05
    sites = sites_of(world, judged(someone(subject)))
    with pytest.raises(AuthenticatorUnavailable):
        await sites.sign_in()

    assert await count(world) == 0


async def test_a_site_can_t_vouch_for_users_of_ours(world: World) -> None:
    # OA-05: the issuer of our own passwords has our ids for subjects
    user = await add_user(world.storage, Role.SUPER_ADMIN)
    sites = sites_of(world, judged(someone(user.id, issuer=LOCAL_ISSUER), BOTH))
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.refused() == [("anonymous", "issuer")]


async def test_a_subject_that_is_an_id_of_ours_is_nobody_of_ours(world: World) -> None:
    # OA-05
    user = await add_user(world.storage, Role.SUPER_ADMIN)
    sites = sites_of(world, judged(someone(user.id, preferred_username=user.username)))

    signed_in = await sites.sign_in()

    assert signed_in.user.id != user.id
    assert signed_in.user.role is Role.VIEWER


async def test_a_use_is_noted_with_the_address_that_was_said(world: World) -> None:
    sites = sites_of(
        world, judged(with_email("1", "Old@X.org")), judged(with_email("1", "New@X.org"))
    )
    user = (await sites.sign_in()).user
    [linked] = await sites.linked(user)
    assert (linked.email, linked.last_used) == ("old@x.org", world.clock.now())
    world.clock.move(5)

    await sites.sign_in()

    [again] = await sites.linked(user)
    assert (again.id, again.email, again.last_used) == (linked.id, "new@x.org", world.clock.now())


# --- Made.


async def test_nobody_is_made_where_the_policy_says_nothing(world: World) -> None:
    sites = sites_of(world, judged(with_email("1", EMAIL), NOBODY))
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await count(world) == 0
    assert await sites.refused() == [("anonymous", "unknown_identity")]


async def test_who_is_made_has_the_lowest_role_and_no_environment(world: World) -> None:
    # OA-09
    [user] = await made(world, with_email("1", EMAIL, groups=("admin", "super_admin")))

    found = await world.user(user.id)
    assert found is not None
    assert (found.role, found.status) == (Role.VIEWER, Status.ACTIVE)
    assert (found.email, found.email_verified) == (EMAIL, True)
    assert not found.password_change_required
    assert await world.password(user.id) is None
    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.grants.count(GrantFilter(user_id=user.id)) == 0


async def test_a_second_sign_in_leaves_the_role_that_an_admin_gave(world: World) -> None:
    sites = sites_of(world, judged(someone()), judged(someone(groups=("viewer",))))
    user = (await sites.sign_in()).user
    await world.change(user, role=Role.ADMIN)

    assert (await sites.sign_in()).user.role is Role.ADMIN


async def test_what_is_made_is_in_the_audit(world: World) -> None:
    sites = sites_of(world, judged(with_email("1", EMAIL)))
    user = (await sites.sign_in()).user
    [linked] = await sites.linked(user)

    audit = await world.audit()
    [create], [link] = rows(audit, "user.create"), rows(audit, "identity.link")
    assert (create.actor, create.target) == ("system", f"user:{user.id}")
    assert create.address == "192.0.2.7"
    assert (link.actor, link.target) == ("system", f"user:{user.id}")
    assert link.details == {
        "identity_id": linked.id,
        "provider": "example",
        "subject_digest": linked.subject_digest,
        "by": "first_sign_in",
    }
    assert [row.actor for row in rows(audit, "session.begin")] == [f"user:{user.id}"]


async def test_an_address_that_is_not_verified_is_not_taken(world: World) -> None:
    # OA-06
    [user] = await made(world, someone(email=EMAIL, email_verified=False))

    found = await world.user(user.id)
    assert found is not None
    assert (found.email, found.email_verified) == (None, False)


@pytest.mark.parametrize("email", ["", "x", "no at sign", "a@b@c", "@x.org", "a@x.org\x00"])
async def test_an_address_that_is_none_is_not_taken(world: World, email: str) -> None:
    [user] = await made(world, with_email("1", email))

    assert user.email is None


async def test_a_verified_holder_keeps_its_address_and_nobody_is_made(world: World) -> None:
    # OA-06
    holder = await add_user(world.storage, email=EMAIL, email_verified=True)
    sites = sites_of(world, judged(with_email("1", EMAIL)))
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await world.user(holder.id) == holder
    assert await count(world) == 1
    assert await sites.refused() == [(f"user:{holder.id}", "email_taken")]


@pytest.mark.parametrize("role", [*Role])
@pytest.mark.parametrize("policy", [ANYBODY, BOTH])
async def test_a_squatter_loses_the_address_and_nothing_else(
    world: World, role: Role, policy: Any
) -> None:
    # OA-07: nobody has shown that the address is theirs, and the site has
    squatter = await add_user(world.storage, role, email=EMAIL, password="their-own-password")
    sites = sites_of(world, judged(with_email("1", EMAIL), policy))

    user = (await sites.sign_in()).user

    left = await world.user(squatter.id)
    assert user.id != squatter.id
    assert user.email == EMAIL
    assert left is not None
    assert (left.email, left.role, left.status) == (None, role, Status.ACTIVE)
    assert await world.password(squatter.id) is not None
    [update] = rows(await world.audit(), "user.update")
    assert (update.actor, update.target) == ("system", f"user:{squatter.id}")


async def test_a_squatter_keeps_the_address_where_nobody_is_made(world: World) -> None:
    squatter = await add_user(world.storage, email=EMAIL)
    sites = sites_of(world, judged(with_email("1", EMAIL), BY_EMAIL))
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await world.user(squatter.id) == squatter


# --- Names.

NAMES = {
    "plain": ({"preferred_username": "ada"}, "ada"),
    "capitals": ({"preferred_username": "Ada.Lovelace"}, "Ada.Lovelace"),
    "an address as name": ({"preferred_username": "ada@corp.example"}, "ada"),
    "the address": ({"email": "grace@x.org", "email_verified": True}, "grace"),
    "an address with a tag": ({"email": "grace+box@x.org", "email_verified": True}, "grace-box"),
    "an address that is not verified": ({"email": "grace@x.org"}, "example"),
    "nothing": ({}, "example"),
    "empty": ({"preferred_username": ""}, "example"),
    "only signs": ({"preferred_username": "../..//"}, "example"),
    "a path": ({"preferred_username": "../../etc/passwd"}, "etc-passwd"),
    "markup": ({"preferred_username": "<b onload=x>ada</b>"}, "b-onload-x-ada-b"),
    "a header": ({"preferred_username": "ada\r\nX-Role: admin"}, "ada-X-Role-admin"),
    "NUL": ({"preferred_username": "ada\x00"}, "ada"),
    "no ASCII": ({"preferred_username": "\u0430\u0434\u0430"}, "example"),
    "direction": ({"preferred_username": "\u202eadmin"}, "admin"),
    "long": ({"preferred_username": "a" * 10_000}, "a" * 48),
    "a lone half": ({"preferred_username": "ada\ud800"}, "ada"),
}


@pytest.mark.parametrize(("fields", "username"), NAMES.values(), ids=NAMES)
async def test_a_name_is_made_of_what_the_site_says(
    world: World, fields: dict[str, Any], username: str
) -> None:
    [user] = await made(world, someone(**fields))

    assert user.username == username


async def test_a_name_that_is_taken_gets_something_random(world: World) -> None:
    """A number would tell how many there are of the name, and which of them."""
    await add_user(world.storage, username="ADA")

    users = await made(world, *(someone(str(n), preferred_username="ada") for n in range(3)))

    assert len({user.username for user in users}) == 3
    for user in users:
        assert re.fullmatch(r"ada-[0-9a-f]{10}", user.username)


async def test_a_long_name_that_is_taken_is_a_name_still(world: World) -> None:
    first, second = await made(
        world, *(someone(str(n), preferred_username="a" * 100) for n in range(2))
    )

    assert (len(first.username), len(second.username)) == (48, 59)
    assert is_username(second.username)


# --- At once.


async def test_two_callbacks_of_a_new_identity_make_one_user(world: World) -> None:
    sites = sites_of(world, *[judged(with_email("1", EMAIL))] * 8)

    signed_in = await asyncio.gather(*(sites.sign_in() for _ in range(8)))

    assert len({each.user.id for each in signed_in}) == 1
    assert await count(world) == 1
    audit = await world.audit()
    assert len(rows(audit, "user.create")) == len(rows(audit, "identity.link")) == 1


async def test_new_identities_of_one_name_all_get_their_own(world: World) -> None:
    sites = sites_of(world, *(judged(someone(str(n), preferred_username="ada")) for n in range(8)))

    signed_in = await asyncio.gather(*(sites.sign_in() for _ in range(8)))

    assert len({each.user.username for each in signed_in}) == 8


async def test_an_identity_that_is_linked_makes_nobody(world: World) -> None:
    user = await add_user(world.storage, Role.ADMIN)
    await add_link(world, user, someone())
    sites = sites_of(world, judged(someone(), NOBODY))

    assert (await sites.sign_in()).user.id == user.id
