"""What operators say of a provider, and what is refused of it."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from agentbox.model.formats.provider_id import RESERVED, is_provider_id
from agentbox.plugin import canonical_origin
from agentbox.plugin.options import Options, Secret

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"]

GOOGLE_ISSUER: Final = "https://accounts.google.com"

LONGEST_ISSUER: Final = 512
"""Bytes; identities of a longer one are refused by the core."""

LONGEST_NAME: Final = 64

_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
# A word of `scope` (RFC 6749 section 3.3); blanks stand between them.
_SCOPE: Final = re.compile(r"[!#-\[\]-~]+")
_INVISIBLE: Final = re.compile(r"[^!-~]")
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class ProviderOptions(Options, frozen=True):
    """`[plugins.oidc.providers.<id>]`: one provider."""

    issuer: str
    client_id: Annotated[str, Meta(min_length=1, max_length=512)]
    client_secret: Secret
    name: str | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    algorithm: Algorithm = "RS256"
    allowed_domains: tuple[str, ...] = ()
    domain_claim: str = "hd"
    username_claim: str = "preferred_username"
    auto_provision: bool = False
    link_verified_email: bool = False
    redirect_url: str | None = None
    insecure_http: bool = False

    @property
    def is_google(self) -> bool:
        """Whether it is Google, which has ways of its own, by whichever plugin it was named."""
        return self.issuer == GOOGLE_ISSUER

    @property
    def is_on_http(self) -> bool:
        """Whether it is spoken to without TLS. Only after `check` found it to be on loopback."""
        return urlsplit(self.issuer).scheme == "http"

    def check(self) -> list[str]:
        """Refuses addresses that could not be trusted or asked, and what would be no OpenID."""
        faults = [
            _issuer_fault(self.issuer, plain=self.insecure_http),
            *_common_faults(self),
            *_scope_faults(self.scopes),
        ]
        faults += [
            f"{name} is empty; write the name of a claim"
            for name in ("domain_claim", "username_claim")
            if not getattr(self, name).strip()
        ]
        return [fault for fault in faults if fault]


class OidcOptions(Options, frozen=True):
    """`[plugins.oidc]`: providers by their id, which stands in their addresses."""

    providers: dict[str, ProviderOptions] = {}  # noqa: RUF012  a Struct copies it

    def check(self) -> list[str]:
        """Refuses ids that can't stand in an address, and all that a provider's own check does."""
        faults = [
            f"providers.{id_} is no id of a provider: use a-z, 0-9 and -, at most 32, and none of "
            f"{', '.join(sorted(RESERVED))}"
            for id_ in self.providers
            if not is_provider_id(id_)
        ]
        if not self.providers:
            faults.append("providers is empty: add a table [plugins.oidc.providers.<id>]")
        faults += [
            f"providers.{id_}.{fault}"
            for id_, options in self.providers.items()
            for fault in options.check()
        ]
        return faults + self._equal_issuers()

    def _equal_issuers(self) -> list[str]:
        first: dict[str, str] = {}
        return [
            f"providers.{id_}.issuer is that of providers.{first[options.issuer]}; "
            "limits of one would be none for whoever goes by the other"
            for id_, options in self.providers.items()
            if first.setdefault(options.issuer, id_) != id_
        ]

    def notes(self, public_url: str) -> list[str]:
        """The address to register at each provider."""
        return [
            f"{id_}: register {redirect_url(public_url, id_, options.redirect_url)} as redirect URL"
            for id_, options in self.providers.items()
        ]


class GoogleOptions(Options, frozen=True):
    """`[plugins.google]`: a client of Google's, and whom to let in with it."""

    client_id: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    client_secret: Secret | None = None
    redirect_url: str | None = None
    name: str = "Google"
    allowed_domains: tuple[str, ...] = ()
    auto_provision: bool = False
    link_verified_email: bool = False

    def check(self) -> list[str]:
        """Refuses a client that is not whole."""
        faults = [
            f"{name} is needed; the page on Google in the documentation says where to get it"
            for name in ("client_id", "client_secret")
            if getattr(self, name) is None
        ]
        return faults + _common_faults(self)

    def notes(self, public_url: str) -> list[str]:
        """The address to register at Google."""
        url = redirect_url(public_url, "google", self.redirect_url)
        return [f"google: register {url} as authorized redirect URI"]

    def provider(self) -> ProviderOptions:
        """Google as the provider that it is. Only after `check` found nothing."""
        assert self.client_id is not None  # noqa: S101
        assert self.client_secret is not None  # noqa: S101
        return ProviderOptions(
            issuer=GOOGLE_ISSUER,
            client_id=self.client_id,
            client_secret=self.client_secret,
            name=self.name,
            allowed_domains=self.allowed_domains,
            auto_provision=self.auto_provision,
            link_verified_email=self.link_verified_email,
            redirect_url=self.redirect_url,
        )


def redirect_url(public_url: str, provider: str, configured: str | None) -> str:
    """Where the provider sends the browser back to; from the configuration alone (OA-10)."""
    return configured or f"{public_url}/api/v1/auth/{provider}/callback"


def _common_faults(options: ProviderOptions | GoogleOptions) -> list[str]:
    faults = [
        f"allowed_domains holds {_shown(domain)}, which is no domain in lower case"
        for domain in options.allowed_domains
        if not _DOMAIN.fullmatch(domain)
    ]
    secret, redirect, name = options.client_secret, options.redirect_url, options.name
    if secret is not None and not secret.reveal().strip():
        faults.append("client_secret is empty")
    if redirect is not None:
        faults += _redirect_faults(redirect)
    if name is not None and not (name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        faults.append(f"name takes 1 to {LONGEST_NAME} printable characters")
    return faults


def _scope_faults(scopes: tuple[str, ...]) -> list[str]:
    faults = [
        f"scopes holds {_shown(scope)}, which is no scope: write each as a text of its own"
        for scope in scopes
        if not _SCOPE.fullmatch(scope)
    ]
    return faults if "openid" in scopes else [*faults, 'scopes must hold "openid"']


def _issuer_fault(text: str, *, plain: bool) -> str | None:
    if (fault := _url_fault("issuer", text)) is not None:
        return fault
    if len(text) > LONGEST_ISSUER:
        return f"issuer is longer than {LONGEST_ISSUER} bytes"
    if _is_off_loopback(text):
        return "issuer is plain http, which is for loopback alone"
    if not plain and urlsplit(text).scheme == "http":
        return "issuer is plain http, which has to be allowed with insecure_http = true"
    return None


def _redirect_faults(text: str) -> list[str]:
    faults = []
    if (fault := _url_fault("redirect_url", text)) is not None:
        faults.append(fault)
    elif _is_off_loopback(text):
        # A browser goes there: what is allowed of the provider is of no matter.
        faults.append("redirect_url is plain http, which is for loopback alone; use https")
    if not text.endswith("/callback"):
        faults.append("redirect_url does not end in /callback")
    return faults


def _url_fault(field: str, text: str) -> str | None:
    """Why nobody can be asked there; what is allowed here, `Outgoing.to` takes."""
    if _INVISIBLE.search(text):
        # `urlsplit` drops some of these without a word.
        return f"{field} holds a blank or what is not printable ASCII; write a host as xn--…"
    try:
        parts = urlsplit(text)
    except ValueError:
        return f"{field} is no URL"
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return f"{field} is no URL such as https://accounts.example.org"
    if "@" in parts.netloc or "?" in text or "#" in text:
        return f"{field} must hold no user, query or fragment"
    if canonical_origin(f"{parts.scheme}://{parts.netloc}") is None:
        return (
            f"{field} has {_shown(parts.netloc)} where a host belongs, such as "
            "accounts.example.org or accounts.example.org:8443"
        )
    return None


def _is_off_loopback(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}…"
