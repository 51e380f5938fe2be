"""What a route asks of its caller."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from agentbox.model.access.roles import Permission, Role

ENVIRONMENT_ID: Final = "environment_id"
"""The path parameter that names the environment of `Access.environment`."""


class Access(Struct, frozen=True, kw_only=True):
    """What a route asks of its caller; stated by every route, enforced in one place.

    - `public`: credentials are not even looked at, so nothing else can be asked.
    - `any`: any valid credential.
    - `session`: a signed-in person; an API key answers 403 `session_required`.
    - `scoped`: a credential with `scope`.

    `self_scope` replaces `scope` where the path parameter `user_id` is the caller's own id;
    where it is not, `others_role` is the lowest role that gets on. `environment` is the permission
    needed on the environment that the path parameter `environment_id` names; it is looked up after
    the body is read. `allow_expired` takes a token that ran out but is otherwise valid (logout).
    `allow_restricted` opens the route to a session that must change its password first.
    `fresh` wants a sign-in at most ten minutes ago. Raises ValueError for what contradicts itself.
    """

    kind: Literal["public", "any", "session", "scoped"]
    scope: str | None = None
    self_scope: str | None = None
    min_role: Role = Role.VIEWER
    others_role: Role = Role.VIEWER
    environment: Permission | None = None
    fresh: bool = False
    allow_restricted: bool = False
    allow_expired: bool = False

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"an access is one of {', '.join(_KINDS)}")
        if not isinstance(self.min_role, Role) or not isinstance(self.others_role, Role):
            raise ValueError("min_role and others_role are Roles")
        if not isinstance(self.environment, Permission | None):
            raise ValueError("environment is a Permission")
        if (self.kind == "scoped") != (self.scope is not None):
            raise ValueError("a scoped route names its scope, and no other does")
        if self.self_scope is not None and self.scope is None:
            raise ValueError("self_scope replaces a scope, so there has to be one")
        if self.kind == "public" and self._asks_more():
            raise ValueError("a public route looks at no credential, so it can ask nothing of one")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the route asks for: none, one, or one for others and one for oneself."""
        return tuple(scope for scope in (self.scope, self.self_scope) if scope is not None)

    def _asks_more(self) -> bool:
        """Whether anything is asked that only a credential can show."""
        return (
            self.min_role is not Role.VIEWER
            or self.others_role is not Role.VIEWER
            or self.environment is not None
            or self.fresh
            or self.allow_restricted
            or self.allow_expired
        )


_KINDS = ("public", "any", "session", "scoped")


PUBLIC = Access(kind="public")
ANY = Access(kind="any")
SESSION = Access(kind="session")


def scoped(
    scope: str,
    *,
    self_scope: str | None = None,
    others_role: Role = Role.VIEWER,
    environment: Permission | None = None,
) -> Access:
    """Access for a credential with `scope` (or `self_scope` for the caller's own record)."""
    return Access(
        kind="scoped",
        scope=scope,
        self_scope=self_scope,
        others_role=others_role,
        environment=environment,
    )
