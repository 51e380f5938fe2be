"""URLs, origins and host names of the settings, each parsed strictly into one form."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_listen_host(text: str) -> bool:
    """True for an IP address, IPv6 without brackets, or a host name."""
    return _is_address(text) or _is_name(text.lower())


def canonical_host(text: str) -> str | None:
    """`host` or `host:port` in lower case; None if it is neither. IPv6 stands in brackets."""
    match = _HOST.fullmatch(text.lower())
    if match is None:
        return None
    host, port = match[1], match[2]
    inside = host.removeprefix("[").removesuffix("]")
    if host.startswith("[") and not (_is_address(inside) and ":" in inside):
        return None
    if not host.startswith("[") and not (_is_address(host) or _is_name(host)):
        return None
    if port is None:
        return host
    return f"{host}:{int(port)}" if 1 <= int(port) <= 65535 else None


def listen_address(text: str) -> tuple[str, int] | None:
    """Host, IPv6 without brackets, and port of `host:port`; None if it is something else."""
    host, _, port = text.lower().rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        return None
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host == f"[{bare}]"
    if not is_listen_host(bare) or bracketed != (":" in bare):
        return None
    return bare, int(port)


def canonical_origin(text: str) -> str | None:
    """`scheme://host[:port]` as browsers write it, for http and https; None if it is not one."""
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    host = canonical_host(rest)
    if not separator or scheme not in _DEFAULT_PORTS or host is None:
        return None
    return f"{scheme}://{host.removesuffix(f':{_DEFAULT_PORTS[scheme]}')}"


def fault_of_public_url(text: str) -> str | None:
    """Why the text can't be the public URL; None if `canonical_origin` of it (without the slash
    at its end) is one."""
    if canonical_origin(text.removesuffix("/")) is not None:
        return None
    if not text.lower().startswith(("http://", "https://")):
        return "write it with its scheme, such as https://auth.example.org"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "is not a URL such as https://auth.example.org"
    if "@" in parts.netloc:
        return "must not hold a user name or a password"
    if "?" in text or "#" in text:
        return "must not have a query or a fragment"
    if parts.path not in {"", "/"}:
        return "must not have a path; clients find everything under https://<host>/api/v1"
    if not parts.netloc.isascii():
        return "write the host in ASCII, as xn--…"
    return "is not a URL such as https://auth.example.org"


def host_of(origin: str) -> str:
    """The host of an origin, without port and brackets."""
    return urlsplit(origin).hostname or ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    """A host name; one whose last label is a number would be read as an IPv4 address."""
    return (
        len(text) <= 253
        and _NAME.fullmatch(text) is not None
        and not text.rpartition(".")[2].isdigit()
    )
