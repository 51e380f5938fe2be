"""What was presented, and what an authenticator says of it: who and how, never what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, Literal

from msgspec import Struct

from agentbox.model.access.roles import Permission
from agentbox.model.access.scopes import ScopeSet
from agentbox.model.secret import Secret


class _NoLimit(Enum):
    NO_LIMIT = "no limit"

    def __repr__(self) -> str:
        return "NO_LIMIT"


NO_LIMIT: Final = _NoLimit.NO_LIMIT
"""Said explicitly where there is no limit; an empty set means nothing at all."""

NoLimit = Literal[_NoLimit.NO_LIMIT]


class Credential(Struct, frozen=True):
    """What the client presented, not yet judged.

    `scheme` is `bearer` (Authorization header) or `api_key` (X-API-Key header).
    """

    scheme: Literal["bearer", "api_key"]
    value: Secret


class SubjectRef(Struct, frozen=True):
    """Whose credential it is: a user by id."""

    kind: Literal["user"]
    id: str


class CredentialRef(Struct, frozen=True, kw_only=True):
    """Which credential it was, by id, never by value.

    `kind` is `session`, `api_key`, or `<entry point>:<word>` for a plugin's own kind.
    """

    kind: str
    id: str
    authenticator_id: str
    transport: Literal["header", "cookie"] = "header"
    expires_at: datetime | None = None


class Identity(Struct, frozen=True, kw_only=True):
    """What an authenticator vouches for. Its key is (issuer, subject), never the e-mail.

    Local passwords have the issuer `local` and the user's id as subject.
    """

    issuer: str
    subject: str
    authenticator_id: str
    email: str | None = None
    email_verified: bool = False
    preferred_username: str | None = None
    display_name: str | None = None
    groups: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    acr: str | None = None
    auth_time: datetime | None = None


LOCAL_ISSUER: Final = "local"

LONGEST_AGO: Final = timedelta(days=30)
"""How long ago somebody may have been authenticated elsewhere whom nobody asks for anew: as
`max_age` (OpenID Connect Core section 3.1.2.1) that is what sites are asked for. Who comes from one
that does not say when counts as authenticated so long ago."""


class EnvironmentLimit(Struct, frozen=True):
    """What a credential may do at most, per environment and on all of its owner's."""

    all_environments: Permission | None = None
    entries: Mapping[str, Permission] = {}


class Authentication(Struct, frozen=True, kw_only=True):
    """An authenticator's answer about one credential: exactly one of `subject` and `identity`.

    `scope_limit` and `environment_limit` say what the credential may do at most, whatever the
    role allows: a set, or `NO_LIMIT`, which has to be written down. `claims` are information
    only; nothing is authorised by them.
    """

    credential: CredentialRef
    scope_limit: ScopeSet | NoLimit
    environment_limit: EnvironmentLimit | NoLimit
    subject: SubjectRef | None = None
    identity: Identity | None = None
    session_id: str | None = None
    client_id: str | None = None
    audience: tuple[str, ...] = ()
    auth_time: datetime | None = None
    amr: tuple[str, ...] = ()
    acr: str | None = None
    actor: Authentication | None = None
    claims: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        if (self.subject is None) == (self.identity is None):
            raise ValueError("an Authentication has a subject or an identity, exactly one")
