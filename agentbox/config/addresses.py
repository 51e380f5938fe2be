"""Addresses of the server's own settings: where it listens, and what it is called."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from agentbox.plugin.origins import canonical_origin, is_bare_host


def is_listen_host(text: str) -> bool:
    """True for an IP address, IPv6 without brackets, or a host name."""
    return is_bare_host(text.lower())


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
