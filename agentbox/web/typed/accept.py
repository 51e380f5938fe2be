"""Which of several forms of an answer a client wants (RFC 9110 section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

_QUALITY: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_WORD: Final = r"[!#$%&'+.^_`|~0-9a-z-]+"
_RANGE: Final = re.compile(rf"\*/\*|{_WORD}/(\*|{_WORD})")


class _Range(NamedTuple):
    """A media range, such as `text/*`, and how much it is wanted."""

    kind: str
    subkind: str
    quality: float

    def fits(self, media_type: str) -> int:
        """How exactly: 3 for the type itself, 1 for anything, 0 if it does not."""
        kind, _, subkind = media_type.partition("/")
        if self.kind == "*":
            return 1
        if self.kind != kind:
            return 0
        if self.subkind == "*":
            return 2
        return 3 if self.subkind == subkind else 0


def preferred(headers: Iterable[str], offered: Sequence[str]) -> str:
    """The media type of `offered` that the Accept headers want most, the first of equals.

    Also the first where none is wanted: clients understand it more often than a 406. Parameters
    but `q` are not compared; what can't be read is passed over.
    """
    ranges = [each for header in headers for each in _ranges(header)]
    return (
        max(offered, key=lambda media_type: _quality(media_type, ranges))
        if ranges
        else (offered[0])
    )


def _quality(media_type: str, ranges: Iterable[_Range]) -> float:
    """As the most exact of the ranges has it."""
    fitting = [(exactness, r.quality) for r in ranges if (exactness := r.fits(media_type))]
    return max(fitting)[1] if fitting else 0.0


def _ranges(header: str) -> Iterator[_Range]:
    for part in header.split(","):
        media_range, *parameters = (each.strip(" \t").lower() for each in part.split(";"))
        quality = "1"
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name == "q":
                quality = value
        if _RANGE.fullmatch(media_range) and _QUALITY.fullmatch(quality):
            kind, _, subkind = media_range.partition("/")
            yield _Range(kind, subkind, float(quality))
