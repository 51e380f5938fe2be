"""One event becomes one line that nobody can break out of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

Event = Mapping[str, Any]
"""`time` (seconds since the epoch), `level`, `event`, and values by name."""

Render = Callable[[Event], str]

LONGEST_TEXT: Final = 4096
_COLOURS: Final = {"debug": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_RESET: Final = "\x1b[0m"


def json_line(event: Event) -> str:
    """A line of JSON in ASCII, in which every control and every other character is escaped."""
    values = {**event, "time": f"{_instant(event['time'], 'T')}Z"}
    try:
        line = _encode(values)
    except UnicodeEncodeError:  # half of a surrogate pair, from bytes that were not UTF-8
        return _in_ascii(values)
    if line.isascii() and b"\x7f" not in line:
        return line.decode("ascii")
    return _in_ascii(values)


def console_line(event: Event, *, colour: bool = False) -> str:
    """A line for eyes: time, level, event, `name=value`; a stack follows on lines of its own."""
    level = str(event.get("level", "info"))
    values = [
        f"{name}={_escaped(value)}"
        for name, value in event.items()
        if name not in {"time", "level", "event", "stack"}
    ]
    text = " ".join([f"{level:<7}", _escaped(event.get("event", "")), *values])
    if colour and level in _COLOURS:
        text = f"{_COLOURS[level]}{text}{_RESET}"
    stack = str(event["stack"]).rstrip("\n") if event.get("stack") else ""
    lines = [f"{_instant(event['time'], ' ')} {text}", *(_escaped(s) for s in stack.splitlines())]
    return "\n".join(lines)


def shown(value: object) -> object:
    """How a value that is not plain JSON is shown: by `repr`, an exception by its class alone."""
    if isinstance(value, BaseException):
        return type(value).__name__
    return repr(value)[:LONGEST_TEXT]


_encode = msgspec.json.Encoder(enc_hook=shown).encode


def _in_ascii(values: Mapping[str, Any]) -> str:
    plain = msgspec.to_builtins(values, enc_hook=shown)
    return json.dumps(plain, ensure_ascii=True, separators=(",", ":")).replace("\x7f", "\\u007f")


def _instant(seconds: float, separator: str) -> str:
    whole = int(seconds)
    return f"{_second(whole, separator)}.{int((seconds - whole) * 1000):03d}"


@lru_cache(maxsize=16)  # thousands of lines fall into one second
def _second(seconds: int, separator: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%d{separator}%H:%M:%S")


def _escaped(value: object) -> str:
    text = value if isinstance(value, str) else str(shown(value))
    text = text[:LONGEST_TEXT]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
