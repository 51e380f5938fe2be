"""What a route asks of its caller."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from agentbox.model.access.roles import Permission, Role


class Access(Struct, frozen=True, kw_only=True):
    """What a route asks of its caller; stated by every route, enforced in one place.

    - `public`: credentials are not even looked at.
    - `any`: any valid credential.
    - `session`: a signed-in person; an API key answers 403 `session_required`.
    - `scoped`: a credential with `scope`.

    `self_scope` replaces `scope` where the path parameter `user_id` is the caller's own id.
    `allow_expired` takes a token that ran out but is otherwise valid (logout).
    `allow_restricted` opens the route to a session that must change its password first.
    `fresh` wants a sign-in at most ten minutes ago.
    """

    kind: Literal["public", "any", "session", "scoped"]
    scope: str | None = None
    self_scope: str | None = None
    min_role: Role = Role.VIEWER
    environment: Permission | None = None
    fresh: bool = False
    allow_restricted: bool = False
    allow_expired: bool = False

    def __post_init__(self) -> None:
        if (self.kind == "scoped") != (self.scope is not None):
            raise ValueError("a scoped route names its scope, and no other does")


PUBLIC = Access(kind="public")
ANY = Access(kind="any")
SESSION = Access(kind="session")


def scoped(scope: str, *, self_scope: str | None = None) -> Access:
    """Access for a credential with `scope` (or `self_scope` for the caller's own record)."""
    return Access(kind="scoped", scope=scope, self_scope=self_scope)
