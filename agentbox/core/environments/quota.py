"""How many environments a user may have."""

from __future__ import annotations

from agentbox.core.changes import Work
from agentbox.errors import Conflict
from agentbox.model.access.roles import Role
from agentbox.model.environments import EnvironmentFilter
from agentbox.model.principal import Operator
from agentbox.model.users import User


async def require_room(work: Work, user: User, quota: int) -> None:
    """Raises `Conflict` if `user` is of role user and has as many as `quota` allows.

    Those count that name it as their user, whichever way they came to it. The operator may exceed
    the quota.
    """
    if user.role is not Role.USER or isinstance(work.actor, Operator):
        return
    if await work.tx.environments.count(EnvironmentFilter(user_id=user.id)) >= quota:
        raise Conflict(f"A user has at most {quota} environments.")
