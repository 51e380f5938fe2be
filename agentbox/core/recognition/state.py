"""The current state that rights depend on, and the principal that follows from it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from agentbox.errors import InvalidToken
from agentbox.model.access.scopes import ScopeSet, ScopeTable, intersect
from agentbox.model.api_keys import ApiKey, IssuedKey
from agentbox.model.evidence import (
    LOCAL_ISSUER,
    NO_LIMIT,
    Authentication,
    EnvironmentLimit,
    NoLimit,
    SubjectRef,
)
from agentbox.model.principal import PASSWORD_CHANGE_REQUIRED, Operator, Principal
from agentbox.model.sessions import Session
from agentbox.model.users import User
from agentbox.plugin.storage import Transaction

RESTRICTED = (PASSWORD_CHANGE_REQUIRED,)


class SubjectState(NamedTuple):
    """A user, and the session or API key that the credential stands for.

    `version` counts the changes that this process had seen when it was read.
    """

    user: User | None
    session: Session | None
    api_key: ApiKey | None
    key_scopes: ScopeSet
    version: int = 0


NOBODY = SubjectState(None, None, None, frozenset())


def state_of_key(issued: IssuedKey | None, user_id: str) -> SubjectState:
    """What an API key of that user depends on; nobody if it is gone or somebody else's."""
    if issued is None or issued.owner.id != user_id:
        return NOBODY
    return SubjectState(issued.owner, None, issued.key, frozenset(issued.key.scopes))


def state_of_session(found: tuple[Session, User] | None, user_id: str) -> SubjectState:
    """What a session of that user depends on; nobody if it is gone or somebody else's."""
    if found is None or found[1].id != user_id:
        return NOBODY
    return SubjectState(found[1], found[0], None, frozenset())


async def load_state(tx: Transaction, user_id: str, kind: str, credential_id: str) -> SubjectState:
    """Read what a credential of that kind depends on, in one statement."""
    if kind == "api_key":
        return state_of_key(next(iter(await tx.api_keys.issued([credential_id])), None), user_id)
    if kind == "session":
        found = await tx.sessions.with_users([credential_id])
        return state_of_session(next(iter(found), None), user_id)
    return NOBODY._replace(user=await tx.users.get(user_id))


def user_id_of(authentication: Authentication) -> str | None:
    """The user that an authentication is about; None for an identity nobody here is linked to."""
    if authentication.subject is not None:
        return authentication.subject.id
    identity = authentication.identity
    if identity is not None and identity.issuer == LOCAL_ISSUER:
        return identity.subject
    return None


def principal_of(
    authentication: Authentication, state: SubjectState, *, scopes: ScopeTable, now: datetime
) -> Principal:
    """Who acts, from evidence and current state.

    Raises `InvalidToken` for a user that is gone or not active, and for a session or key that is
    gone, over, or somebody else's.
    """
    user = state.user
    if user is None or not user.active:
        raise InvalidToken
    credential = authentication.credential
    role_scopes = scopes.of_role(user.role)
    limit: EnvironmentLimit | NoLimit = authentication.environment_limit
    auth_time, amr = authentication.auth_time, authentication.amr
    restrictions: tuple[str, ...] = ()
    if credential.kind == "session":
        session = state.session
        if session is None or session.user_id != user.id or not session.live(now):
            raise InvalidToken
        auth_time, amr = session.auth_time, session.amr
        if user.password_change_required:
            restrictions = RESTRICTED
    elif credential.kind == "api_key":
        key = state.api_key
        if key is None or key.user_id != user.id or not key.live(now):
            raise InvalidToken
        if key.expires_at != credential.expires_at:  # narrowed or rotated since it was judged
            credential = replace(credential, expires_at=key.expires_at)
        role_scopes = intersect(role_scopes, state.key_scopes)
        limit = key.environment_limit
    if authentication.scope_limit is not NO_LIMIT:
        role_scopes = intersect(role_scopes, authentication.scope_limit)
    return Principal(
        subject=authentication.subject or SubjectRef("user", user.id),
        user=user,
        role=user.role,
        scopes=role_scopes,
        environment_limit=limit,
        credential=credential,
        evaluated_at=now,
        session_id=credential.id if credential.kind == "session" else None,
        client_id=authentication.client_id,
        audience=authentication.audience,
        auth_time=auth_time,
        amr=amr,
        acr=authentication.acr,
        restrictions=restrictions,
        organization_id=user.organization_id,
        state_version=state.version,
    )


async def current_actor(
    tx: Transaction, actor: Principal | Operator, *, scopes: ScopeTable, now: datetime
) -> Principal | Operator:
    """The actor as it is inside this transaction, never more than it was when the request came.

    Raises `InvalidToken` if the user, session or key is gone or over.
    """
    if isinstance(actor, Operator):
        return actor
    credential = actor.credential
    state = await load_state(tx, actor.user_id, credential.kind, credential.id)
    evidence = Authentication(
        credential=credential,
        subject=actor.subject,
        scope_limit=actor.scopes,
        environment_limit=actor.environment_limit,
    )
    return principal_of(evidence, state, scopes=scopes, now=now)
