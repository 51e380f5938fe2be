"""Sockets that are bound, and that somebody else listens on."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack

from agentbox.config.addresses import listen_address
from agentbox.config.schema import Settings
from agentbox.web.address import Address


def bind(host: str, port: int) -> Sequence[socket.socket]:
    """One for each address of `host`, all with one port; 0 takes a free one. Raises OSError.

    The first worker that serves is the first that listens, so that clients are refused until then.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with ExitStack() as opened:
        bound: list[socket.socket] = []
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sock = opened.enter_context(socket.socket(family, kind, protocol))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # else the IPv4 address would be taken by it too
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken = bound[0].getsockname()[1] if bound else port
            sock.bind((address[0], taken, *address[2:]))
            bound.append(sock)
        opened.pop_all()
    return bound


def page_address(settings: Settings) -> tuple[str, int] | None:
    """Where /metrics alone is served; None if it has no address of its own."""
    metrics = settings.metrics
    if not metrics.enabled or metrics.listen is None:
        return None
    return listen_address(metrics.listen)


def url_of(sock: socket.socket) -> str:
    """`http://…` of where it is bound."""
    return Address(*sock.getsockname()[:2]).url
