"""What is written about a key, judged and brought to the form it is kept in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.formats.names import is_label
from agentbox.model.formats.networks import canonical_network
from agentbox.model.formats.rate_limit import parse_rate_limit

MOST_NETWORKS = 64

LONGEST = {"name": 128, "description": 1024}

T = TypeVar("T", bound=Struct)


def canonical(fields: T) -> T:
    """A `NewApiKey` or an `ApiKeyEdit` with its networks as they are kept.

    What comes from the command line is judged here alone. Raises `ValidationFailed` with every
    fault of name, description, addresses and rate.
    """
    faults = [*_label_faults(fields), *_rate_faults(fields)]
    asked = getattr(fields, "allowed_cidrs", None)
    if isinstance(asked, tuple):
        networks = [canonical_network(text) for text in asked]
        faults += _network_faults(networks)
        fields = replace(fields, allowed_cidrs=tuple(dict.fromkeys(filter(None, networks))))
    if faults:
        raise ValidationFailed(errors=faults)
    return fields


def _label_faults(fields: Struct) -> list[FieldFault]:
    return [
        FieldFault(f"/{name}", f"must be 1 to {longest} characters, none of them a control")
        for name, longest in LONGEST.items()
        if isinstance(text := getattr(fields, name), str) and not is_label(text, longest=longest)
    ]


def _rate_faults(fields: Struct) -> list[FieldFault]:
    text = getattr(fields, "rate_limit", None)
    if isinstance(text, str):
        try:
            parse_rate_limit(text)
        except ValueError as fault:
            return [FieldFault("/rate_limit", str(fault))]
    return []


def _network_faults(networks: Sequence[str | None]) -> list[FieldFault]:
    if not 1 <= len(networks) <= MOST_NETWORKS:
        return [FieldFault("/allowed_cidrs", f"must be 1 to {MOST_NETWORKS} networks")]
    return [
        FieldFault(f"/allowed_cidrs/{at}", "is not a network such as 192.0.2.0/24 or 2001:db8::/32")
        for at, network in enumerate(networks)
        if network is None
    ]
