"""The sites that people sign in at, each by the one id that stands in our addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agentbox.core.recognition.dispatch import Named
from agentbox.errors import StartError
from agentbox.plugin.authenticator import LoginMethod, LoginProvider, RedirectAuthenticator


def providers_by_id(
    methods: Sequence[Named[LoginMethod]],
) -> Mapping[str, tuple[Named[RedirectAuthenticator], LoginProvider]]:
    """All of them, in the order of the configuration, each with the method that it belongs to.

    Raises `StartError` for an id that another provider or another method has as well: one would
    answer for the other, and go on with its sessions. So it does for an issuer of two: who somebody
    is says the issuer, so that whom one of them keeps out would get in by the other.
    """
    found: dict[str, tuple[Named[RedirectAuthenticator], LoginProvider]] = {}
    by_issuer: dict[str, str] = {}
    for named in methods:
        if not isinstance(named.opened, RedirectAuthenticator):
            continue
        others = {other.id for other in methods if other is not named}
        for info in named.opened.providers:
            if info.id in found or info.id in others:
                raise StartError(
                    f"Two sign-in methods are called {info.id}: give each an id of its own."
                )
            if info.issuer is not None and info.issuer in by_issuer:
                raise StartError(
                    f"{by_issuer[info.issuer]} and {info.id} have one issuer, {info.issuer}: "
                    "configure it once."
                )
            if info.issuer is not None:
                by_issuer[info.issuer] = info.id
            found[info.id] = (Named(named.id, named.opened), info)
    return found


def speaks_for(provider: LoginProvider, issuer: str, providers: Iterable[LoginProvider]) -> bool:
    """Whether identities of that issuer are the provider's, who is one of `providers`, to tell.

    One that told its issuer has no other. One that did not has none of those that others told:
    else whom a careful one keeps out, or knows as an admin, would be whoever a careless one says.
    """
    if provider.issuer is not None:
        return issuer == provider.issuer
    return all(issuer != other.issuer for other in providers)
