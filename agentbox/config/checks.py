"""Rules of the sections that types can't state, and the one form in which values are kept.

Each function takes a section and returns it in its final form, with faults as pairs of field and
sentence. No sentence shows a secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from agentbox.config.addresses import fault_of_public_url, is_listen_host, listen_address
from agentbox.config.sections import (
    AdminSettings,
    ApiKeySettings,
    AuditSettings,
    EnvironmentSettings,
    MetricsSettings,
    ServerSettings,
    ThrottleSettings,
    TokenSettings,
    is_loopback,
)
from agentbox.model.formats.api_key import is_prefix
from agentbox.model.formats.names import canonical_email, is_username
from agentbox.model.formats.networks import canonical_network
from agentbox.model.formats.return_to import brings_code
from agentbox.model.formats.secret_strength import weakness_of_key
from agentbox.model.secret import Secret
from agentbox.model.signing_keys import LONGEST_TOKEN
from agentbox.model.throttles import parse_guess_limit
from agentbox.model.times import format_duration
from agentbox.plugin.options import Options
from agentbox.plugin.origins import canonical_host, canonical_origin, host_of

Faults = list[tuple[str, str]]

ROOT_KEY_BYTES = 32
_ADDRESS = re.compile(r"[!-\"$-\[\]-~]+")
_CENTURY = timedelta(days=36500)


def check_server(server: ServerSettings, faults: Faults) -> ServerSettings:
    """`[server]` with addresses in lower case and without a slash at the end."""
    if not is_listen_host(server.host):
        faults.append(
            ("host", f"{server.host!r} is not an IP address or a host name, without a port")
        )
    _within(faults, "drain_delay", server.drain_delay, timedelta(0), timedelta(minutes=10))
    cache = server.credential_cache
    _within(faults, "credential_cache", cache, timedelta(0), timedelta(seconds=30))
    if server.secret_key is not None:
        faults.extend(("secret_key", text) for text in root_secret_faults(server.secret_key))
    return replace(
        server,
        public_url=_public_url(server, faults),
        hosts=_hosts(server, faults),
        trusted_proxies=_trusted_proxies(server, faults),
        cors_origins=_cors_origins(server, faults),
        return_to=_return_to(server, faults),
    )


def _public_url(server: ServerSettings, faults: Faults) -> str | None:
    url = server.public_url
    if url is None:
        if not is_loopback(server.host):
            faults.append(
                (
                    "public_url",
                    f"is needed, because server.host is {server.host!r} and not loopback; set "
                    "AGENTBOX_PUBLIC_URL to the address that clients use, such as "
                    "https://auth.example.org",
                )
            )
        return None
    if fault := fault_of_public_url(url):
        faults.append(("public_url", fault))
    return canonical_origin(url.removesuffix("/"))


def _hosts(server: ServerSettings, faults: Faults) -> tuple[str, ...]:
    found: list[str] = []
    for text in server.hosts:
        if host := canonical_host(text):
            found.append(host)
        else:
            sentence = f"{text!r} is not a host such as auth.example.org or 10.0.0.5:8080"
            faults.append(("hosts", sentence))
    return tuple(found)


def _trusted_proxies(server: ServerSettings, faults: Faults) -> tuple[str, ...]:
    found: list[str] = []
    for text in server.trusted_proxies:
        if network := canonical_network(text):
            found.append(network)
        else:
            sentence = f"{text!r} is not a network such as 10.0.0.0/8 or fd00::/8, or an address"
            faults.append(("trusted_proxies", sentence))
    return tuple(found)


def _cors_origins(server: ServerSettings, faults: Faults) -> tuple[str, ...]:
    found: list[str] = []
    for text in server.cors_origins:
        if origin := canonical_origin(text):
            found.append(origin)
        elif text in {"*", "null"}:
            faults.append(("cors_origins", f"{text} would let any page in; name each origin"))
        else:
            sentence = f"{text!r} is not an origin such as https://app.example.org, without a path"
            faults.append(("cors_origins", sentence))
    return tuple(found)


def _return_to(server: ServerSettings, faults: Faults) -> tuple[str, ...]:
    for text in server.return_to:
        parts = text.partition("://")[2].partition("/")
        origin = text.removesuffix("".join(parts[1:]))
        if canonical_origin(origin) != origin or not parts[1] or not _ADDRESS.fullmatch(text):
            sentence = (
                f"{text!r} is not an address with a path and without a fragment, such as "
                "https://app.example.org/signed-in"
            )
            faults.append(("return_to", sentence))
        elif origin.startswith("http://") and not is_loopback(host_of(origin)):
            sentence = (
                f"{text!r} is plain http: whoever is on the way would read the code; use https"
            )
            faults.append(("return_to", sentence))
        elif brings_code(text):
            sentence = f"{text!r} has a parameter `code` already, which is where ours is put"
            faults.append(("return_to", sentence))
    return server.return_to


def root_secret_faults(secret: Secret) -> list[str]:
    """What is wrong with the root secret, a sentence for each of its keys that is wrong."""
    texts = [text.strip() for text in secret.reveal().split(",")]
    faults: list[str] = []
    for number, text in enumerate(texts, start=1):
        which = f"key {number} of {len(texts)} " if len(texts) > 1 else ""
        if fault := _root_key_fault(text):
            faults.append(f"{which}{fault}; make one with: agentbox secret new")
    return faults


def _root_key_fault(text: str) -> str | None:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return f"is not base64 of {ROOT_KEY_BYTES} random bytes"
    if len(key) != ROOT_KEY_BYTES:
        return f"is base64 of {len(key)} bytes, not of {ROOT_KEY_BYTES}"
    return weakness_of_key(key)


def check_admin(admin: AdminSettings, faults: Faults) -> AdminSettings:
    """`[admin]` with the address in its canonical form."""
    if not is_username(admin.username):
        faults.append(
            (
                "username",
                f"{admin.username!r} is not 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or "
                "digit",
            )
        )
    if admin.password is not None and not admin.password.reveal().strip():
        faults.append(("password", "is empty; give one, or leave the setting out and one is made"))
    if admin.email is None:
        return admin
    email = canonical_email(admin.email)
    if email is None:
        faults.append(("email", f"{admin.email!r} is not an e-mail address"))
    return replace(admin, email=email)


def check_tokens(tokens: TokenSettings, faults: Faults) -> TokenSettings:
    """`[tokens]` as it is."""
    access = tokens.access_expiry
    _within(faults, "access_expiry", access, timedelta(seconds=1), LONGEST_TOKEN)
    _within(faults, "refresh_expiry", tokens.refresh_expiry, access, _CENTURY)
    _within(faults, "refresh_grace", tokens.refresh_grace, timedelta(0), timedelta(seconds=10))
    _within(faults, "session_max_age", tokens.session_max_age, access, _CENTURY)
    return tokens


def check_throttle(throttle: ThrottleSettings, faults: Faults) -> ThrottleSettings:
    """`[throttle]` as it is."""
    for field in throttle.__struct_fields__:
        try:
            parse_guess_limit(getattr(throttle, field))
        except ValueError as error:
            faults.append((field, str(error)))
    return throttle


def check_api_keys(api_keys: ApiKeySettings, faults: Faults) -> ApiKeySettings:
    """`[api_keys]` as it is."""
    names = [("prefix", api_keys.prefix)]
    names += [("accepted_prefixes", prefix) for prefix in api_keys.accepted_prefixes]
    for field, prefix in names:
        if not is_prefix(prefix):
            sentence = f"{prefix!r} is not 2 to 16 of a-z 0-9 _, the last one _"
            faults.append((field, sentence))
    _within(faults, "max_lifetime", api_keys.max_lifetime, timedelta(seconds=1), _CENTURY)
    return api_keys


def check_audit(audit: AuditSettings, faults: Faults) -> AuditSettings:
    """`[audit]` as it is."""
    if audit.retention:
        _within(faults, "retention", audit.retention, timedelta(days=1), _CENTURY)
    return audit


def check_environments(environments: EnvironmentSettings, faults: Faults) -> EnvironmentSettings:
    """`[environments]` as it is."""
    least, most = timedelta(seconds=10), timedelta(days=1)
    _within(faults, "stale_after", environments.stale_after, least, most)
    return environments


def check_metrics(metrics: MetricsSettings, faults: Faults) -> MetricsSettings:
    """`[metrics]` as it is."""
    _check_interval(metrics.collection_interval, faults)
    hour, day = timedelta(hours=1), timedelta(days=1)
    _within(faults, "raw_retention", metrics.raw_retention, hour, timedelta(days=90))
    _within(faults, "minute_retention", metrics.minute_retention, hour, timedelta(days=365))
    _within(faults, "day_retention", metrics.day_retention, day, _CENTURY)
    kept = [
        ("raw_retention", metrics.raw_retention),
        ("minute_retention", metrics.minute_retention),
        ("retention_days", timedelta(days=metrics.retention_days)),
        ("day_retention", metrics.day_retention),
    ]
    for (finer, shorter), (coarser, longer) in pairwise(kept):
        if longer < shorter:
            sentence = (
                f"{format_duration(longer)} is less than {finer} ({format_duration(shorter)}); "
                "coarser values are kept at least as long as finer ones"
            )
            faults.append((coarser, sentence))
    if metrics.listen is not None and listen_address(metrics.listen) is None:
        sentence = f"{metrics.listen!r} is not an address and a port, such as 127.0.0.1:9464"
        faults.append(("listen", sentence))
    return metrics


def _check_interval(interval: timedelta, faults: Faults) -> None:
    """Steps of a minute and of an hour are made of whole intervals."""
    field, minute, hour = "collection_interval", timedelta(minutes=1), timedelta(hours=1)
    if not timedelta(seconds=5) <= interval <= hour:
        _within(faults, field, interval, timedelta(seconds=5), hour)
    elif interval % timedelta(seconds=1) or (
        minute % interval and (hour % interval or interval % minute)
    ):
        sentence = (
            f"{format_duration(interval)} does not divide a minute, and is no number of minutes "
            "that divides an hour; take 30s or 5m, for example"
        )
        faults.append((field, sentence))


def _within(
    faults: Faults, field: str, value: timedelta | None, least: timedelta, most: timedelta
) -> None:
    if value is None or least <= value <= most:
        return
    bounds = f"{format_duration(least)} to {format_duration(most)}"
    faults.append((field, f"{format_duration(value)} is out of the range {bounds}"))


CHECKS: Mapping[str, Callable[[Any, Faults], Options]] = {
    # A section that is not here has no rule beyond the types and bounds of its options.
    "server": check_server,
    "admin": check_admin,
    "tokens": check_tokens,
    "api_keys": check_api_keys,
    "environments": check_environments,
    "audit": check_audit,
    "metrics": check_metrics,
    "throttle": check_throttle,
}
