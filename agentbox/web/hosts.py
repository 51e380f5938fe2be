"""Which Host a request may name: ours, and nothing that somebody else made up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_MOST_REMEMBERED: Final = 256

# RFC 9110 section 7.2: uri-host [":" port]; names, IPv4 or a bracketed IPv6 address.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{0,5}))?")


def split_host(text: str) -> tuple[str, str] | None:
    """Name in lower case without a closing dot, and port (`""` if none); None if malformed."""
    match = _HOST.fullmatch(text)
    if match is None:
        return None
    return match[1].lower().removesuffix("."), match[2] or ""


class AcceptedHosts:
    """Answers whether a Host header is one of ours, by one look-up once it was seen.

    Ours are the host of `public_url`, the entries of `[server] hosts` (one without a port stands
    for every port) and the loopback names with any port. With `addresses` every IP address is
    too, and names stand for every port: what serves on a second port is known by them, and a page
    of somebody else, whose name was made to lead there, asks under that name.
    """

    def __init__(self, public_url: str, hosts: Iterable[str], *, addresses: bool = False) -> None:
        self._addresses = addresses
        url = urlsplit(public_url)
        self._default_port = "443" if url.scheme == "https" else "80"
        self._any_port = set(LOOPBACK_NAMES)
        self._exact: set[tuple[str, str]] = set()
        self._seen: set[str] = set()
        self._add(url.netloc.rpartition("@")[2], any_port=False)
        for entry in hosts:
            self._add(entry, any_port=True)
        if addresses:
            self._any_port.update(name for name, _ in self._exact)

    def __contains__(self, raw: str) -> bool:
        if raw in self._seen:
            return True
        if not self._accepts(raw):
            return False
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        self._seen.add(raw)
        return True

    def _accepts(self, raw: str) -> bool:
        parts = split_host(raw)
        if parts is None:
            return False
        name, port = parts
        if name in self._any_port or (name, port or self._default_port) in self._exact:
            return True
        return self._addresses and _is_address(name)

    def _add(self, entry: str, *, any_port: bool) -> None:
        parts = split_host(entry)
        if parts is None:
            raise ValueError(f"{entry!r} is not a host, such as auth.example.com:8443")
        name, port = parts
        if any_port and not port:
            self._any_port.add(name)
        else:
            self._exact.add((name, port or self._default_port))


def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
