"""A small scan that finds the line of a key in a TOML file, for messages only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_BARE = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
_DOTTED = rf"{_BARE}(?:[ \t]*\.[ \t]*{_BARE})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_KEY = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=[ \t]*(.*)")
_PART = re.compile(_BARE)

Path = tuple[str, ...]


def scan(text: str) -> Mapping[Path, int]:
    """The line, counted from 1, of each table and key; tables of an array get their index.

    A table without a header of its own is where something in it is first named.
    """
    lines: dict[Path, int] = {}
    implied: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    quotes = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if quotes:
            quotes = "" if quotes in line else quotes
        elif header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1] == "[[":
                index = counts[table] = counts.get(table, -1) + 1
                table = (*table, str(index))
            _put(lines, implied, table, number)
        elif key := _KEY.match(line):
            _put(lines, implied, (*table, *_parts(key[1])), number)
            quotes = _opened(key[2])
    return implied | lines


def nearest(lines: Mapping[Path, int], path: Sequence[str]) -> int | None:
    """The line of `path`, or else of the closest key or table around it."""
    for length in range(len(path), 0, -1):
        if (line := lines.get(tuple(path[:length]))) is not None:
            return line
    return None


def _put(lines: dict[Path, int], implied: dict[Path, int], path: Path, number: int) -> None:
    lines.setdefault(path, number)
    for length in range(1, len(path)):
        implied.setdefault(path[:length], number)


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _opened(value: str) -> str:
    """The quotes of a multi-line text that begins on this line and goes on."""
    for quotes in ('"""', "'''"):
        if value.startswith(quotes) and quotes not in value[3:]:
            return quotes
    return ""
