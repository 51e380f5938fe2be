"""Whether a plugin's evidence is what its types say; Structs don't check what they are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from agentbox.model.access.roles import Permission
from agentbox.model.evidence import (
    NO_LIMIT,
    Authentication,
    CredentialRef,
    EnvironmentLimit,
    Identity,
    SubjectRef,
)
from agentbox.plugin.authenticator import AccountPolicy, Challenge, LoginAnswer, Verified

_KIND = re.compile(r"session|api_key|[a-z][a-z0-9_]{0,63}:[a-z][a-z0-9_-]{0,63}")


def is_sound(answer: object) -> bool:
    """True if every field is of its kind.

    An `actor` makes it unsound: delegation is not supported yet, and dropping it silently would
    let the delegate act as the person.
    """
    return (
        isinstance(answer, Authentication)
        and _names_somebody(answer)
        and _is_reference(answer.credential)
        and (answer.scope_limit is NO_LIMIT or _is_scope_set(answer.scope_limit))
        and (answer.environment_limit is NO_LIMIT or _is_limit(answer.environment_limit))
        and all(map(_is_text_or_none, (answer.session_id, answer.client_id, answer.acr)))
        and _are_texts(answer.audience)
        and _are_texts(answer.amr)
        and _is_instant_or_none(answer.auth_time)
        and _is_mapping(answer.claims)
        and answer.actor is None
    )


def is_sound_answer(answer: LoginAnswer) -> bool:
    """True if every field of a login method's answer is of its kind."""
    if isinstance(answer, Verified):
        return (
            _is_identity(answer.identity)
            and _is_instant_or_none(answer.password_set_at)
            and isinstance(answer.password_reset, bytes | None)
            and _is_account_policy(answer.accounts)
        )
    if isinstance(answer, Challenge):
        return (
            isinstance(answer.kind, str)
            and isinstance(answer.state, bytes)
            and _is_mapping(answer.data)
            and _is_json(answer.data)
        )
    return True


def _is_account_policy(value: object) -> bool:
    return (
        isinstance(value, AccountPolicy)
        and isinstance(value.auto_provision, bool)
        and isinstance(value.link_verified_email, bool)
    )


def _names_somebody(answer: Authentication) -> bool:
    subject, identity = answer.subject, answer.identity
    if isinstance(subject, SubjectRef):
        return identity is None and subject.kind == "user" and isinstance(subject.id, str)
    return subject is None and _is_identity(identity)


def _is_identity(identity: object) -> bool:
    return (
        isinstance(identity, Identity)
        and isinstance(identity.issuer, str)
        and isinstance(identity.subject, str)
        and isinstance(identity.authenticator_id, str)
        and isinstance(identity.email_verified, bool)
        and all(
            map(
                _is_text_or_none,
                (identity.email, identity.preferred_username, identity.display_name, identity.acr),
            )
        )
        and _are_texts(identity.groups)
        and _are_texts(identity.amr)
        and _is_instant_or_none(identity.auth_time)
    )


def _is_reference(credential: object) -> bool:
    return (
        isinstance(credential, CredentialRef)
        and isinstance(credential.kind, str)
        and _KIND.fullmatch(credential.kind) is not None
        and isinstance(credential.id, str)
        and isinstance(credential.authenticator_id, str)
        and credential.transport in ("header", "cookie")
        and _is_instant_or_none(credential.expires_at)
    )


def _is_limit(value: object) -> bool:
    return (
        isinstance(value, EnvironmentLimit)
        and (value.all_environments is None or isinstance(value.all_environments, Permission))
        and _is_mapping(value.entries)
        and all(isinstance(entry, Permission) for entry in value.entries.values())
    )


def _is_instant_or_none(value: object) -> bool:
    return value is None or (isinstance(value, datetime) and value.utcoffset() is not None)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(text, str) for text in value)


def _is_scope_set(value: object) -> bool:
    return isinstance(value, frozenset) and all(isinstance(scope, str) for scope in value)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _is_json(value: object) -> bool:
    """Whether a client can be told of it."""
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return False
    return True
