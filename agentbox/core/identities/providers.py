"""The sites that people sign in at, each by the one id that stands in our addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentbox.core.recognition.dispatch import Named
from agentbox.errors import StartError
from agentbox.plugin.authenticator import LoginMethod, LoginProvider, RedirectAuthenticator


def providers_by_id(
    methods: Sequence[Named[LoginMethod]],
) -> Mapping[str, tuple[Named[RedirectAuthenticator], LoginProvider]]:
    """All of them, in the order of the configuration, each with the method that it belongs to.

    Raises `StartError` for an id that another provider or another method has as well: one would
    answer for the other, and go on with its sessions.
    """
    found: dict[str, tuple[Named[RedirectAuthenticator], LoginProvider]] = {}
    for named in methods:
        if not isinstance(named.opened, RedirectAuthenticator):
            continue
        others = {other.id for other in methods if other is not named}
        for info in named.opened.providers:
            if info.id in found or info.id in others:
                raise StartError(
                    f"Two sign-in methods are called {info.id}: give each an id of its own."
                )
            found[info.id] = (Named(named.id, named.opened), info)
    return found
