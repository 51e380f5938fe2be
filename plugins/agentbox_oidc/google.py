"""Sign-in with Google: the entry point `google`, a provider whose addresses are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import AuthenticatorType

AGENTBOX_API = 1


@hookimpl
def agentbox_authenticator_types() -> Sequence[AuthenticatorType]:
    """The one type, `google`."""
    from agentbox_oidc.descriptor import GOOGLE_TYPE

    return [GOOGLE_TYPE]
