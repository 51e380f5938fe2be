"""Sign-in at any OpenID provider: the entry point `oidc`; `google` is a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import AuthenticatorType

AGENTBOX_API = 1


@hookimpl
def agentbox_authenticator_types() -> Sequence[AuthenticatorType]:
    """The one type, `oidc`: as many providers as are configured."""
    from agentbox_oidc.descriptor import OIDC_TYPE

    return [OIDC_TYPE]
