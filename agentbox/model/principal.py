"""Who this request acts as."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from agentbox.model.access.roles import Role
from agentbox.model.access.scopes import ScopeSet
from agentbox.model.evidence import CredentialRef, EnvironmentLimit, NoLimit, SubjectRef
from agentbox.model.users import User

PASSWORD_CHANGE_REQUIRED: Final = "password_change_required"  # noqa: S105


class Principal(Struct, frozen=True, kw_only=True):
    """Who this request acts as, worked out by the core alone, from current state.

    `scopes` are already the role's ∩ the credential's. `state_version` counts the changes that this
    process had seen when the state was read: a greater one is newer, and means nothing elsewhere.
    """

    subject: SubjectRef
    user: User
    role: Role
    scopes: ScopeSet
    environment_limit: EnvironmentLimit | NoLimit
    credential: CredentialRef
    evaluated_at: datetime
    kind: Literal["person", "service"] = "person"
    session_id: str | None = None
    client_id: str | None = None
    audience: tuple[str, ...] = ()
    auth_time: datetime | None = None
    amr: tuple[str, ...] = ()
    acr: str | None = None
    actor: Principal | None = None
    restrictions: tuple[str, ...] = ()
    organization_id: str = "default"
    state_version: int = 0

    @property
    def user_id(self) -> str:
        """The id of the user that this request acts as."""
        return self.user.id

    @property
    def is_session(self) -> bool:
        """True for a signed-in person, false for API keys and plugins' credentials."""
        return self.credential.kind == "session"


class Operator(Struct, frozen=True):
    """Someone with a shell on the machine: the `agentbox` command. Ranks above every role."""

    name: str = "operator"


Actor = Principal | Operator
"""On whose behalf a use case runs."""


class Origin(Struct, frozen=True):
    """Where a request came from, for the audit.

    `provider` is the site that somebody signs in at by it, by the id it is configured under.
    """

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    provider: str | None = None
