"""What a provider says of itself (OpenID Connect Discovery 1.0 section 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from agentbox.errors import OutboundFailed, StartError
from agentbox.plugin import JsonAnswer
from agentbox_oidc.options import LOOPBACK, ProviderOptions

_ADDRESS: Final = re.compile(r"https?://[!-~]+")


class Metadata(Struct, frozen=True, kw_only=True):
    """The addresses of a provider, and how it wants to be spoken to."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    sends_issuer: bool
    """Whether every answer names the issuer (RFC 9207 section 3)."""

    secret_in_form: bool
    """Whether the client's secret goes into the form, not into the header."""

    @property
    def origins(self) -> frozenset[str]:
        """The servers that are asked by us; the browser goes to the first address by itself."""
        urls = (self.token_endpoint, self.jwks_uri, self.userinfo_endpoint)
        return frozenset(origin_of(url) for url in urls if url is not None)


def metadata_url(issuer: str) -> str:
    """Where the document is."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def origin_of(url: str) -> str:
    """`scheme://host[:port]`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def read_metadata(answer: JsonAnswer, options: ProviderOptions) -> Metadata:
    """Raises `StartError` for a document that is not this issuer's, or that we can't work with, and
    `OutboundFailed` where there is none: what stands before a provider that is away may answer 404
    as well as 503, and a server starts without its provider."""
    if answer.status != 200:
        raise OutboundFailed("status", f"{metadata_url(options.issuer)} answers {answer.status}")
    document = answer.body
    if document.get("issuer") != options.issuer:
        # Mix-up defence: who calls itself otherwise is somebody else (RFC 9700 section 4.4).
        raise StartError(
            f"{options.issuer}: its discovery document names another issuer. Set issuer exactly as "
            "the provider writes it, slash at the end included."
        )
    _require_listed(document, "code_challenge_methods_supported", "S256", options)
    _require_listed(document, "response_types_supported", "code", options)
    _require_listed(document, "id_token_signing_alg_values_supported", options.algorithm, options)
    return Metadata(
        authorization_endpoint=_url(document, "authorization_endpoint", options),
        token_endpoint=_url(document, "token_endpoint", options),
        jwks_uri=_url(document, "jwks_uri", options),
        userinfo_endpoint=(
            _url(document, "userinfo_endpoint", options)
            if "userinfo_endpoint" in document
            else None
        ),
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        secret_in_form=_wants_secret_in_form(document, options),
    )


def _url(document: Mapping[str, object], name: str, options: ProviderOptions) -> str:
    value = document.get(name)
    # Code, secret and tokens are worth no less than the document: http is for issuers on http.
    if isinstance(value, str) and _is_address(value, plain=options.is_on_http):
        return value
    raise StartError(f"{options.issuer}: {name} of its discovery document is no https address.")


def _is_address(text: str, *, plain: bool) -> bool:
    """Whether requests and browsers may be sent there; `plain` lets http in, on loopback alone."""
    if not _ADDRESS.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # looking at a port that can't be raises, too
    except ValueError:
        return False
    safe = parts.scheme == "https" or (plain and host in LOOPBACK)
    return bool(host) and safe and "@" not in parts.netloc and "#" not in text


def _wants_secret_in_form(document: Mapping[str, object], options: ProviderOptions) -> bool:
    """Basic is what all have to know (RFC 6749 section 2.3.1), and what holds without a list."""
    name = "token_endpoint_auth_methods_supported"
    methods = document.get(name)
    if not isinstance(methods, list) or "client_secret_basic" in methods:
        return False
    if "client_secret_post" in methods:
        return True
    # Sent all the same, the secret would go where nobody expects one.
    raise StartError(
        f"{options.issuer}: {name} holds neither client_secret_basic nor client_secret_post."
    )


def _require_listed(
    document: Mapping[str, object], name: str, wanted: str, options: ProviderOptions
) -> None:
    """A list that is there must hold what we are going to use; one that is not says nothing."""
    listed = document.get(name)
    if isinstance(listed, list) and wanted not in listed:
        hint = "; set algorithm" if name.startswith("id_token") else ""
        raise StartError(f"{options.issuer}: {name} does not hold {wanted}{hint}.")
