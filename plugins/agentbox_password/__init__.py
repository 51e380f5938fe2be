"""Sign-in with a username and a password, kept as argon2id hashes (RFC 9106)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin.spec import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import AuthenticatorType, PolicyType

AGENTBOX_API = 1


@hookimpl
def agentbox_authenticator_types() -> Sequence[AuthenticatorType]:
    """The kind `password`."""
    from agentbox_password.descriptor import PASSWORD_TYPE

    return [PASSWORD_TYPE]


@hookimpl
def agentbox_policy_types() -> Sequence[PolicyType]:
    """What a new password has to be."""
    from agentbox_password.descriptor import STRENGTH_TYPE

    return [STRENGTH_TYPE]
