"""Sign-in at other sites, as clients send and get it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agentbox.model.users import LinkedIdentity

ReturnTo = Annotated[str, Meta(min_length=1, max_length=2048)]
Parameter = Annotated[str, Meta(max_length=4096)]


class ProviderOut(Struct, frozen=True, kw_only=True):
    """A way to sign in that a login page may offer."""

    id: str
    kind: Literal["password", "redirect"]
    name: str


class ProviderListOut(Struct, frozen=True, kw_only=True):
    """All of them, in the order of the configuration."""

    providers: list[ProviderOut]


class BeginQuery(Struct, frozen=True, kw_only=True):
    """Where the browser goes in the end, the S256 challenge of who will fetch the tokens, and
    whether the provider is to ask again who it is, signed in there or not."""

    return_to: ReturnTo | None = None
    code_challenge: Parameter | None = None
    fresh: bool = False


class UrlOut(Struct, frozen=True, kw_only=True):
    """Where to send the browser; it has to be the one that this answer's cookie went to."""

    url: str


class CallbackQuery(Struct, frozen=True, kw_only=True):
    """What the provider sent the browser back with (RFC 6749 section 4.1.2, RFC 9207)."""

    state: Parameter | None = None
    code: Parameter | None = None
    iss: Parameter | None = None
    error: Parameter | None = None


class CallbackBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same from a page of ours that took the parameters from its address."""

    state: Parameter
    code: Parameter | UnsetType = UNSET
    iss: Parameter | UnsetType = UNSET
    error: Parameter | UnsetType = UNSET


class ExchangeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one-time code of `return_to`, and the verifier of the challenge if there was one."""

    code: Parameter
    code_verifier: Parameter | UnsetType = UNSET


class LinkBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One's own password, if one has one, and where the browser goes in the end."""

    current_password: str | UnsetType = UNSET
    return_to: ReturnTo | UnsetType = UNSET


class IdentityOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A linked sign-in."""

    id: str
    provider: str
    linked_at: datetime
    email: str | None = None
    last_used: datetime | None = None


class IdentityListOut(Struct, frozen=True, kw_only=True):
    """All of one's own, the first linked first."""

    identities: list[IdentityOut]


def identity_list_out(identities: Sequence[LinkedIdentity]) -> IdentityListOut:
    """As their owner sees them; issuer and subject stay with us."""
    return IdentityListOut(
        identities=[
            IdentityOut(
                id=each.id,
                provider=each.provider,
                linked_at=each.linked_at,
                email=each.email,
                last_used=each.last_used,
            )
            for each in identities
        ]
    )
