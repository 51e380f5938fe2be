"""Users: who may do what to whom, and what is written of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentbox.core.people.users import NewUser, UserEdit
from agentbox.errors import (
    InsufficientRank,
    InsufficientRole,
    InsufficientScope,
    SelfForbidden,
)
from agentbox.model.access.roles import Role
from agentbox.model.principal import Actor, Operator
from agentbox.model.secret import Secret
from agentbox.model.users import Status, User
from tests.core.world import (
    HERE,
    World,
    add_user,
    signed_in,
    with_key,
)

OPERATOR = Operator()
PASSWORD = "a-canary-of-a-password"
EVERY_EDIT = {
    "username": UserEdit(username="renamed"),
    "email": UserEdit(email="new@example.com"),
    "role": UserEdit(role=Role.VIEWER),
    "status": UserEdit(status=Status.INACTIVE),
    "password": UserEdit(password=Secret(PASSWORD)),
}


@pytest.fixture
async def target(world: World) -> User:
    return await add_user(world.storage)


# --- rank --------------------------------------------------------------------------------------


# AZ-03: nobody edits or deletes an equal or a higher one
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
@pytest.mark.parametrize("edit", EVERY_EDIT.values(), ids=EVERY_EDIT)
async def test_an_admin_edits_no_equal_and_no_higher(
    world: World, role: Role, edit: UserEdit
) -> None:
    admin = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))
    other = await add_user(world.storage, role)

    with pytest.raises(InsufficientRank):
        await world.users.edit(admin, HERE, other.id, edit)
    assert (await world.user(other.id), await world.audit()) == (other, [])


# AZ-03
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_an_admin_deletes_no_equal_and_no_higher(world: World, role: Role) -> None:
    admin = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))
    other = await add_user(world.storage, role)

    with pytest.raises(InsufficientRank):
        await world.users.delete(admin, HERE, other.id)
    assert await world.user(other.id) == other


# AZ-02: nobody gives a role that is not below the own one
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_an_admin_makes_no_equal(world: World, role: Role) -> None:
    admin = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))

    with pytest.raises(InsufficientRank):
        await world.users.create(admin, HERE, NewUser(username="new", role=role))


# AZ-02
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_an_admin_raises_nobody_to_its_own_rank(
    world: World, target: User, role: Role
) -> None:
    admin = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))

    with pytest.raises(InsufficientRank):
        await world.users.edit(admin, HERE, target.id, UserEdit(role=role))
    assert await world.user(target.id) == target


@pytest.mark.parametrize("role", Role)
async def test_a_super_admin_makes_every_role(world: World, role: Role) -> None:
    root = await signed_in(world.storage, await add_user(world.storage, Role.SUPER_ADMIN))
    made = await world.users.create(root, HERE, NewUser(username="new", role=role))

    assert made.role is role


@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER])
@pytest.mark.parametrize("edit", EVERY_EDIT.values(), ids=EVERY_EDIT)
async def test_others_edit_nobody_existing_or_not(
    world: World, target: User, role: Role, edit: UserEdit
) -> None:
    actor = await signed_in(world.storage, await add_user(world.storage, role))

    for user_id in (target.id, "nobody"):
        with pytest.raises(InsufficientRole):
            await world.users.edit(actor, HERE, user_id, edit)


# --- scopes of a key ----------------------------------------------------------------------------

NEEDS_MORE = {
    "role": (UserEdit(role=Role.VIEWER), "roles:write"),
    "password": (UserEdit(password=Secret(PASSWORD)), "users:credentials"),
    "anything": (UserEdit(username="renamed"), "users:write"),
}


# AK-04
@pytest.mark.parametrize(("edit", "scope"), NEEDS_MORE.values(), ids=NEEDS_MORE)
async def test_a_key_needs_the_scope_of_what_the_body_asks(
    world: World, target: User, edit: UserEdit, scope: str
) -> None:
    root = await add_user(world.storage, Role.SUPER_ADMIN)
    others = {"users:write", "roles:write", "users:credentials"} - {scope}
    key = await with_key(world.storage, root, sorted(others))

    with pytest.raises(InsufficientScope) as refused:
        await world.users.edit(key, HERE, target.id, edit)
    assert refused.value.scope == scope


NEW_NEEDS_MORE = {
    "a role": (NewUser(username="new", role=Role.VIEWER), "roles:write"),
    "a password": (NewUser(username="new", password=Secret(PASSWORD)), "users:credentials"),
}


# AK-04, AK-06
@pytest.mark.parametrize(("new", "scope"), NEW_NEEDS_MORE.values(), ids=NEW_NEEDS_MORE)
async def test_a_key_needs_the_scope_of_what_a_new_user_gets(
    world: World, new: NewUser, scope: str
) -> None:
    key = await with_key(
        world.storage, await add_user(world.storage, Role.SUPER_ADMIN), ["users:write"]
    )

    with pytest.raises(InsufficientScope) as refused:
        await world.users.create(key, HERE, new)
    assert refused.value.scope == scope


# --- oneself ------------------------------------------------------------------------------------

NOT_OF_ONESELF = {name: edit for name, edit in EVERY_EDIT.items() if name not in {"email"}}


# AZ-04
@pytest.mark.parametrize("edit", NOT_OF_ONESELF.values(), ids=NOT_OF_ONESELF)
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_admins_do_not_do_it_to_themselves(world: World, role: Role, edit: UserEdit) -> None:
    await add_user(world.storage, Role.SUPER_ADMIN)
    user = await add_user(world.storage, role)
    actor = await signed_in(world.storage, user)

    with pytest.raises(SelfForbidden):
        await world.users.edit(actor, HERE, user.id, edit)
    assert await world.user(user.id) == user


# AZ-04
@pytest.mark.parametrize(
    "edit",
    [
        UserEdit(username="renamed"),
        UserEdit(role=Role.SUPER_ADMIN),
        UserEdit(role=Role.VIEWER),
        UserEdit(status=Status.SUSPENDED),
    ],
    ids=repr,
)
async def test_a_user_changes_neither_its_name_nor_role_nor_status(
    world: World, target: User, edit: UserEdit
) -> None:
    with pytest.raises(InsufficientRole):
        await world.users.edit(await signed_in(world.storage, target), HERE, target.id, edit)


async def test_a_user_changes_its_own_address_which_is_not_verified_then(
    world: World, target: User
) -> None:
    actor = await signed_in(world.storage, target)
    edited = await world.users.edit(actor, HERE, target.id, UserEdit(email="New@Example.com"))

    assert (edited.email, edited.email_verified) == ("new@example.com", False)


VOUCHING = {
    "the operator": (None, True),
    "an admin": ((), True),
    "a key that may set passwords": (("users:write", "users:credentials"), True),
    "a key that may write users": (("users:write",), False),
    "a key that may give roles too": (("users:write", "roles:write", "users:read"), False),
}


async def voucher(world: World, scopes: Sequence[str] | None) -> Actor:
    if scopes is None:
        return OPERATOR
    root = await add_user(world.storage, Role.SUPER_ADMIN)
    return await (
        with_key(world.storage, root, scopes) if scopes else signed_in(world.storage, root)
    )


# OA-07: a verified address may open the account, as a password does
@pytest.mark.parametrize(("scopes", "verified"), VOUCHING.values(), ids=VOUCHING)
async def test_who_may_set_a_password_vouches_for_the_address_it_sets(
    world: World, target: User, scopes: Sequence[str] | None, verified: bool
) -> None:
    actor = await voucher(world, scopes)
    edited = await world.users.edit(actor, HERE, target.id, UserEdit(email="a@example.com"))
    made = await world.users.create(actor, HERE, NewUser(username="new", email="b@example.com"))
    bare = await world.users.create(actor, HERE, NewUser(username="bare"))

    assert (edited.email_verified, made.email_verified) == (verified, verified)
    assert not bare.email_verified
    assert [(await world.user(user.id)) for user in (edited, made)] == [edited, made]


# OA-07
async def test_an_address_that_is_sent_again_is_not_verified_by_that(
    world: World, target: User
) -> None:
    edit = UserEdit(email="a@example.com")
    key = await voucher(world, ["users:write"])
    await world.users.edit(key, HERE, target.id, edit)

    assert not (await world.users.edit(OPERATOR, HERE, target.id, edit)).email_verified


# OA-07
async def test_an_admin_does_not_vouch_for_its_own_address(world: World) -> None:
    root = await add_user(world.storage, Role.SUPER_ADMIN)
    actor = await signed_in(world.storage, root)

    edited = await world.users.edit(actor, HERE, root.id, UserEdit(email="a@example.com"))

    assert not edited.email_verified


async def test_an_unchanged_role_of_oneself_is_no_change(world: World, target: User) -> None:
    actor = await signed_in(world.storage, target)
    edit = UserEdit(role=target.role, status=target.status, username=target.username)

    assert await world.users.edit(actor, HERE, target.id, edit) == target


@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_admins_do_not_delete_themselves(world: World, role: Role) -> None:
    user = await add_user(world.storage, role)

    with pytest.raises(SelfForbidden):
        await world.users.delete(await signed_in(world.storage, user), HERE, user.id)
