"""Who somebody is, by what a provider says of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from agentbox.errors import LoginFailed
from agentbox.model.evidence import Identity
from agentbox_oidc.id_token import LEEWAY
from agentbox_oidc.options import ProviderOptions

_GMAIL: Final = "@gmail.com"


class Said(Struct, frozen=True, kw_only=True):
    """Claims of one sign-in: those of the ID token, which are signed, and with them those that
    userinfo added; when they were judged, and whether the person was to be asked for anew."""

    signed: Mapping[str, object]
    claims: Mapping[str, object]
    now: datetime
    fresh: bool


def judge_domain(signed: Mapping[str, object], options: ProviderOptions) -> None:
    """By what is signed alone (OA-08): neither the address nor userinfo will do."""
    domain = signed.get(options.domain_claim)
    if options.allowed_domains and domain not in options.allowed_domains:
        raise LoginFailed("domain")


def identity_of(said: Said, options: ProviderOptions, provider: str) -> Identity:
    """The person, for the provider of this id."""
    claims = said.claims
    email = _text(claims.get("email"))
    return Identity(
        issuer=options.issuer,
        subject=str(said.signed["sub"]),
        authenticator_id=provider,
        email=email,
        email_verified=email is not None and _is_verified(email, said, options),
        preferred_username=_text(claims.get(options.username_claim)),
        display_name=_text(claims.get("name")),
        amr=("federated",),
        auth_time=_authenticated_at(said, options),
    )


def _is_verified(email: str, said: Said, options: ProviderOptions) -> bool:
    # Nothing but the boolean will do (OA-06): "true", 1 and null have all been seen.
    if said.claims.get("email_verified") is not True:
        return False
    if not options.is_google:
        return True
    # Google answers for addresses that it gives out itself, and for those of a Workspace. Any other
    # it verified once, and somebody else may have it since.
    return email.lower().endswith(_GMAIL) or _text(said.signed.get("hd")) is not None


def _authenticated_at(said: Said, options: ProviderOptions) -> datetime | None:
    """When the person was there. Never later than now, or it would stay fresh; a time that is
    yet to come, as one in milliseconds, says nothing."""
    if options.is_google and said.fresh:
        # It never says when, and can only be told to have the person choose an account.
        return said.now
    value = said.signed.get("auth_time")
    now = int(said.now.timestamp())
    if type(value) is not int or not 0 <= value <= now + LEEWAY.total_seconds():
        return None
    return datetime.fromtimestamp(min(value, now), UTC)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
