"""Environments and grants put into a database past all rules."""

from __future__ import annotations

from datetime import UTC, datetime

from agentbox.model.access.roles import Permission
from agentbox.model.environments import Environment, EnvironmentStatus, Grant
from agentbox.model.ids import new_id
from agentbox.plugin.storage import Storage

MADE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


async def put_environment(
    storage: Storage, user_id: str, *, granted: Permission | None = Permission.OWNER
) -> str:
    """A new environment of that user, and what the user was granted on it; its id."""
    environment = Environment(
        id=new_id(),
        user_id=user_id,
        name="a sandbox",
        status=EnvironmentStatus.RUNNING,
        created_at=MADE,
    )
    async with storage.transaction() as tx:
        await tx.environments.add(environment)
    if granted is not None:
        await put_grant(storage, user_id, environment.id, granted)
    return environment.id


async def put_grant(
    storage: Storage, user_id: str, environment_id: str, permission: Permission
) -> None:
    """A grant, in the place of one that is there."""
    grant = Grant(
        id=new_id(),
        user_id=user_id,
        environment_id=environment_id,
        permission=permission,
        granted_at=MADE,
    )
    async with storage.transaction() as tx:
        await tx.grants.delete(user_id, environment_id)
        await tx.grants.add(grant)


async def remove_environment(storage: Storage, environment_id: str) -> None:
    """It is gone, with all grants on it."""
    async with storage.transaction() as tx:
        await tx.environments.delete(environment_id)
