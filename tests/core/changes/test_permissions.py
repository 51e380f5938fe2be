"""Permissions given by somebody whose rights change while the request is on its way."""

from __future__ import annotations

import pytest

from agentbox.core.environments.permissions import Permissions
from agentbox.core.paging import Pages
from agentbox.errors import InsufficientRole
from agentbox.model.access.roles import Permission, Role
from agentbox.model.environments import GrantFilter
from agentbox.plugin.storage import Page
from tests.core.environments import put_environment, put_grant
from tests.core.world import HERE, SCOPES, World, add_user, signed_in


@pytest.fixture
def permissions(world: World) -> Permissions:
    return Permissions(
        storage=world.storage,
        changes=world.changes,
        scopes=SCOPES,
        pages=Pages(world.cursors, "permissions"),
        quota=100,
    )


async def held(world: World, user_id: str) -> dict[str, Permission]:
    async with world.storage.transaction(read_only=True) as tx:
        grants = await tx.grants.list(GrantFilter(user_id=user_id), Page(100))
    return {each.environment_id: each.permission for each in grants}


# AZ-10
@pytest.mark.parametrize("user_id", ["", "nobody"])
async def test_an_admin_demoted_meanwhile_replaces_nobodys_list(
    world: World, permissions: Permissions, user_id: str
) -> None:
    admin, target = await add_user(world.storage, Role.ADMIN), await add_user(world.storage)
    own = await put_environment(world.storage, admin.id)
    await put_grant(world.storage, target.id, own, Permission.VIEWER)
    actor = await signed_in(world.storage, admin)
    await world.change(admin, role=Role.USER)

    with pytest.raises(InsufficientRole):
        await permissions.replace_of_user(actor, HERE, user_id or target.id, {})
    assert await held(world, target.id) == {own: Permission.VIEWER}
    assert await world.audit() == []


async def test_an_admin_demoted_meanwhile_still_replaces_its_own(
    world: World, permissions: Permissions
) -> None:
    admin = await add_user(world.storage, Role.ADMIN)
    own = await put_environment(world.storage, admin.id)
    await put_grant(world.storage, (await add_user(world.storage)).id, own, Permission.OWNER)
    actor = await signed_in(world.storage, admin)
    await world.change(admin, role=Role.USER)

    await permissions.replace_of_user(actor, HERE, admin.id, {own: Permission.VIEWER})

    assert await held(world, admin.id) == {own: Permission.VIEWER}
