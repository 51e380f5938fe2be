"""Keys and their entries as they are kept, and changes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentbox.core.keys.narrowing import ApiKeyEdit
from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import ApiKey, KeyPermission
from agentbox.model.principal import Actor
from agentbox.model.users import User
from tests.core.world import HERE, START, World, add_key


def entries(by_environment: Mapping[str, Permission]) -> tuple[KeyPermission, ...]:
    return tuple(
        KeyPermission(
            id=f"entry-{number}", environment_id=each, permission=permission, created_at=START
        )
        for number, (each, permission) in enumerate(by_environment.items())
    )


def entries_of(key: ApiKey) -> Mapping[str, Permission]:
    return {each.environment_id: each.permission for each in key.permissions}


async def stored(world: World, key_id: str) -> ApiKey:
    async with world.storage.transaction(read_only=True) as tx:
        found = await tx.api_keys.get(key_id)
    assert found is not None
    return found


async def a_key(world: World, user: User, **fields: Any) -> ApiKey:
    scopes = fields.pop("scopes", ["metrics:read", "self:read"])
    return await add_key(world.storage, user, scopes, **fields)


async def edit(world: World, actor: Actor, key: ApiKey, **fields: Any) -> ApiKey:
    if "scopes" in fields:
        fields["scopes"] = frozenset(fields["scopes"])
    return await world.api_keys.edit(actor, HERE, key.id, ApiKeyEdit(**fields))
