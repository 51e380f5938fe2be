"""Networks in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3), and who is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network


def canonical_network(text: str) -> str | None:
    """The network as it is kept (`192.0.2.7` becomes `192.0.2.7/32`); None if it is none.

    An address with bits to the right of the prefix is none: nobody knows what was meant. Nor is one
    with a zone (RFC 4007 section 11), which means something on one machine only.
    """
    if "%" in text:
        return None
    try:
        return str(ip_network(text))
    except ValueError:
        return None


def contains_address(networks: Sequence[str], address: str | None) -> bool:
    """Whether a client at `address` is in one of `networks`; False for an unknown address."""
    client = parse_address(address or "")
    return client is not None and any(client in network for network in _parsed(tuple(networks)))


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that `text` is, without its zone; None if it is none.

    One that comes mapped into IPv6 is the IPv4 address (RFC 4291 section 2.5.5.2).
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def counted_address(text: str | None) -> str:
    """The address as guesses from it are counted: IPv6 by its /64, which one client has whole
    (RFC 6177 section 2). `""` for one that is not known."""
    address = parse_address(text or "")
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return "" if address is None else str(address)


def within_networks(inner: Iterable[str], outer: Sequence[str]) -> bool:
    """Whether each of `inner` lies in one of `outer`."""
    return all(
        any(_is_within(network, each) for each in _parsed(tuple(outer)))
        for network in _parsed(tuple(inner))
    )


def _is_within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


@lru_cache(maxsize=4096)
def _parsed(networks: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in networks)
