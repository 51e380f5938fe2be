"""Whether a plugin's evidence is what its types say; Structs don't check what they are made of."""

from __future__ import annotations

from datetime import datetime

from agentbox.model.evidence import (
    NO_LIMIT,
    Authentication,
    CredentialRef,
    EnvironmentLimit,
    Identity,
    SubjectRef,
)


def is_sound(answer: Authentication) -> bool:
    """True if everything that rights will depend on is of its kind."""
    return (
        _names_somebody(answer)
        and _is_reference(answer.credential)
        and (answer.scope_limit is NO_LIMIT or _is_scope_set(answer.scope_limit))
        and (
            answer.environment_limit is NO_LIMIT
            or isinstance(answer.environment_limit, EnvironmentLimit)
        )
    )


def _names_somebody(answer: Authentication) -> bool:
    subject, identity = answer.subject, answer.identity
    if isinstance(subject, SubjectRef):
        return identity is None and subject.kind == "user" and isinstance(subject.id, str)
    if isinstance(identity, Identity):
        return subject is None and isinstance(identity.subject, str)
    return False


def _is_reference(credential: object) -> bool:
    return (
        isinstance(credential, CredentialRef)
        and isinstance(credential.kind, str)
        and isinstance(credential.id, str)
        and (credential.expires_at is None or _is_instant(credential.expires_at))
    )


def _is_instant(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _is_scope_set(value: object) -> bool:
    return isinstance(value, frozenset) and all(isinstance(scope, str) for scope in value)
