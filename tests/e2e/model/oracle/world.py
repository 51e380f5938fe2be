"""What there is, as the oracle remembers it: plain data, written by nobody but the oracle."""

from __future__ import annotations

from dataclasses import dataclass, field

ROLES = ("viewer", "user", "admin", "super_admin")
PERMISSIONS = ("viewer", "editor", "owner")
"""Both lowest first: a rank is a place in its list."""

STATUSES = ("pending", "running", "terminated", "failed")

REFUSALS = {
    "invalid_credentials": 401,
    "invalid_token": 401,
    "insufficient_permission": 403,
    "insufficient_rank": 403,
    "insufficient_role": 403,
    "insufficient_scope": 403,
    "permission_exceeds_own": 403,
    "scope_exceeds_own": 403,
    "session_required": 403,
    "not_found": 404,
    "conflict": 409,
    "last_owner": 409,
    "self_forbidden": 409,
    "permission_exceeds_role": 422,
    "scope_conflict": 422,
    "validation_failed": 422,
}


class Refused(Exception):
    """The server must answer with one of these codes; several are several faults at once."""

    def __init__(self, *codes: str) -> None:
        super().__init__(*codes)
        self.answers = {(REFUSALS[code], code) for code in codes}


@dataclass
class User:
    """A user."""

    id: str
    username: str
    role: str
    status: str = "active"
    email: str | None = None
    password: str | None = None


@dataclass
class Environment:
    """An environment, who holds what on it, and who owns it, for the longest time first."""

    id: str
    name: str
    user_id: str
    status: str = "pending"
    labels: dict[str, str] = field(default_factory=dict)
    grants: dict[str, str] = field(default_factory=dict)
    owners: list[str] = field(default_factory=list)


@dataclass
class Credential:
    """A session, or an API key with what it was given; `over` once it was ended or revoked."""

    name: str
    user_id: str
    token: str
    id: str | None = None
    over: bool = False
    scopes: frozenset[str] = frozenset()
    all_environments: str | None = None
    entries: dict[str, str] = field(default_factory=dict)
    expires: int | None = None
    """Later than that of lower numbers; no run lasts until then."""
    rotated: bool = False

    @property
    def is_key(self) -> bool:
        """Whether it is an API key."""
        return self.id is not None

    @property
    def limited(self) -> bool:
        """Whether it reaches single environments alone."""
        return self.is_key and self.all_environments is None


@dataclass
class World:
    """Everything, oldest first, and the names of the changes that the audit must hold."""

    users: dict[str, User] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    credentials: list[Credential] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    """Ids of environments that were deleted."""
    events: list[str] = field(default_factory=list)

    def alive(self, who: Credential) -> bool:
        """Whether a credential is good for anything now."""
        user = self.users.get(who.user_id)
        return user is not None and user.status == "active" and not who.over

    def living(self) -> list[Credential]:
        """All that are."""
        return [who for who in self.credentials if self.alive(who)]
