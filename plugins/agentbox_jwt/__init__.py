"""Access tokens as JWTs (RFC 9068): made here, recognised here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin.spec import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import AuthenticatorType

AGENTBOX_API = 1


@hookimpl
def agentbox_authenticator_types() -> Sequence[AuthenticatorType]:
    """The kind `jwt`."""
    from agentbox_jwt.descriptor import JWT_TYPE

    return [JWT_TYPE]
