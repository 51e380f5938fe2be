"""The user that somebody acts on."""

from __future__ import annotations

from agentbox.core.changes import Work
from agentbox.errors import NotFound, SelfForbidden
from agentbox.model.access.decisions import require_rank
from agentbox.model.principal import Actor, Principal
from agentbox.model.users import User


def found(user: User | None) -> User:
    """The user that was looked up. Raises `NotFound`."""
    if user is None:
        raise NotFound("There is no such user.")
    return user


def is_self(actor: Actor, user: User) -> bool:
    """Whether the actor is that user; the operator is nobody's."""
    return isinstance(actor, Principal) and actor.user_id == user.id


async def other(work: Work, user_id: str) -> User:
    """A user whom the actor may act on, as it is inside the change.

    Raises `NotFound`, `SelfForbidden`, `InsufficientRank`, in this order.
    """
    user = found(await work.tx.users.get(user_id))
    if is_self(work.actor, user):
        raise SelfForbidden
    require_rank(work.actor, user.role)
    return user
