"""API keys as credentials of requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin.spec import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import AuthenticatorType

AGENTBOX_API = 1


@hookimpl
def agentbox_authenticator_types() -> Sequence[AuthenticatorType]:
    """The kind `apikey`."""
    from agentbox_apikey.authenticator import APIKEY_TYPE

    return [APIKEY_TYPE]
