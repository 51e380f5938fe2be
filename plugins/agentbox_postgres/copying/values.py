"""What Postgres's types are in the neutral form of copies, and what fits into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from agentbox.plugin.storage.tables import (
    BOOLEAN,
    BYTES,
    INTEGER,
    JSON,
    JSONB,
    REAL,
    TEXT,
    TIME,
)

KINDS: Final[Mapping[str, str]] = {
    "text": TEXT,
    "varchar": TEXT,
    "int2": INTEGER,
    "int4": INTEGER,
    "int8": INTEGER,
    "float8": REAL,
    "bool": BOOLEAN,
    "timestamptz": TIME,
    "json": JSON,
    "jsonb": JSONB,
    "bytea": BYTES,
}

BITS: Final[Mapping[str, int]] = {"int2": 16, "int4": 32, "int8": 64}

EPOCH: Final = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where Postgres begins to count."""

TIMES: Final = range(-211_813_488_000_000_000, 9_223_371_331_200_000_000)
"""Microseconds since 2000 that Postgres has: from 4713 BC to 294276 AD."""

INFINITE: Final = (1 << 63) - 1
"""What stands for no beginning and no end."""


def _boolean(value: Any) -> bytes:
    if value not in {0, 1}:
        raise ValueError("neither 0 nor 1")
    return b"\1" if value else b"\0"


def _microseconds(value: Any) -> int:
    if abs(value[0]) >= INFINITE:
        raise ValueError("infinity")
    return int(value[0]) + EPOCH


CODECS: Final[Mapping[str, Any]] = {
    "timestamptz": {
        "format": "tuple",
        "encoder": lambda value: (value - EPOCH,),
        "decoder": _microseconds,
    },
    "bool": {"format": "binary", "encoder": _boolean, "decoder": lambda value: value[0]},
}
"""Between Postgres and the neutral form; all other types come and go in it by themselves."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_json(value: Any) -> bool:
    if not _is_text(value):
        return False
    try:
        msgspec.json.decode(value)
    except msgspec.MsgspecError:
        return False
    return True


def _is_number(bits: int) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return isinstance(value, int) and -(1 << bits - 1) <= value < 1 << bits - 1

    return fits


FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "text": _is_text,
    "varchar": _is_text,
    "json": _is_json,
    "jsonb": _is_json,
    "bytea": lambda value: isinstance(value, bytes),
    "bool": lambda value: value in {0, 1},
    "float8": lambda value: isinstance(value, int | float),
    "timestamptz": lambda value: isinstance(value, int) and value - EPOCH in TIMES,
    **{name: _is_number(bits) for name, bits in BITS.items()},
}
