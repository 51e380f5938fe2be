"""Origins and hosts, each parsed strictly into one form: what `Outgoing.to` takes."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def canonical_origin(text: str) -> str | None:
    """`scheme://host[:port]` as browsers write it, for http and https; None if it is not one."""
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    host = canonical_host(rest)
    if not separator or scheme not in _DEFAULT_PORTS or host is None:
        return None
    return f"{scheme}://{host.removesuffix(f':{_DEFAULT_PORTS[scheme]}')}"


def canonical_host(text: str) -> str | None:
    """`host` or `host:port` in lower case; None if it is neither. IPv6 stands in brackets."""
    match = _HOST.fullmatch(text.lower())
    if match is None:
        return None
    host, port = match[1], match[2]
    inside = host.removeprefix("[").removesuffix("]")
    if host.startswith("[") and not (_is_address(inside) and ":" in inside):
        return None
    if not host.startswith("[") and not is_bare_host(host):
        return None
    if port is None:
        return host
    return f"{host}:{int(port)}" if 1 <= int(port) <= 65535 else None


def is_bare_host(text: str) -> bool:
    """True for an IP address, IPv6 without brackets, or a host name in lower case."""
    return _is_address(text) or _is_name(text)


def host_of(origin: str) -> str:
    """The host of an origin, without port and brackets."""
    return urlsplit(origin).hostname or ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
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
