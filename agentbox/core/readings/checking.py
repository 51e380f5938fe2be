"""Which readings can be told: written to a file that other processes read, and put on a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec

from agentbox.plugin.metrics import Family, Histogram


def _as_dict(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} can't be told")


encode: Final = msgspec.msgpack.Encoder(enc_hook=_as_dict).encode
"""Raises many things where something is not of the type that it should be."""

_decode: Final = msgspec.msgpack.Decoder(Family).decode
_NUMBERS: Final = frozenset({float})
_LABELS: Final = frozenset({tuple})
_TEXTS: Final = frozenset({str})


def checked(given: Iterable[Family]) -> Sequence[Family]:
    """Copies of all of them, as other processes will read them: whoever gave them may go on
    counting in theirs. Raises if one is no family, or could not be told among others."""
    return [_checked(each) for each in given]


def _checked(given: Family) -> Family:
    if not isinstance(given, Family):
        raise TypeError(f"{type(given).__name__} is no family of readings")
    # What can be written and read again is of no strange type, and not too large.
    values = dict(given.values)
    if _are_plain(values):
        copy = msgspec.structs.replace(given, values={})
        copy = msgspec.structs.replace(_decode(encode(copy)), values=values)
    else:
        copy = _decode(encode(given))
    if not fits(copy):
        raise TypeError(f"{copy.name} has a value that does not fit its kind or its labels")
    return copy


def _are_plain(values: Mapping[tuple[str, ...], float | Histogram]) -> bool:
    """Whether there is nothing to find in them, as in the samples of some thousand environments,
    each second: to read that many again makes work for the garbage collector."""
    return (
        _NUMBERS.issuperset(map(type, values.values()))
        and _LABELS.issuperset(map(type, values))
        and _TEXTS.issuperset(map(type, chain.from_iterable(values)))
        and "".join(chain.from_iterable(values)).isascii()
    )


def fits(family: Family) -> bool:
    """Whether all values are of the family's kind, have as many labels as it, and, if they are
    histograms, a count for each bound."""
    if not {len(family.labels)}.issuperset(map(len, family.values)):
        return False
    values = family.values.values()
    if family.kind != "histogram":
        return Histogram not in set(map(type, values))
    return all(
        isinstance(value, Histogram) and len(value.counts) == len(value.bounds) for value in values
    )
