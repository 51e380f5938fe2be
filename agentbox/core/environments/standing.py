"""How an environment stands to those who act on it."""

from __future__ import annotations

from agentbox.model.access.roles import Role
from agentbox.model.environments import Environment
from agentbox.model.principal import Actor, Principal
from agentbox.plugin.storage import Transaction


async def owner_role(tx: Transaction, actor: Actor, environment: Environment) -> Role | None:
    """The role of the environment's user, which only admins have to be compared with."""
    if not isinstance(actor, Principal) or actor.role is not Role.ADMIN:
        return None
    user = await tx.users.get(environment.user_id)
    return user.role if user is not None else None
