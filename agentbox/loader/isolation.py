"""Calling code of others so that whatever it raises becomes a value."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import NamedTuple, TypeVar

T = TypeVar("T")

_LONGEST = 300

_shortened = reprlib.Repr()
_shortened.maxother = _shortened.maxstring = 100


class Failure(NamedTuple):
    """What a call raised instead of returning."""

    error: BaseException

    def __str__(self) -> str:
        kind = type(self.error).__name__
        text = " ".join(_text(self.error).split())
        return f"{kind}: {text[:_LONGEST]}" if text else kind


def attempt(call: Callable[[], T]) -> T | Failure:
    """What `call` returns, or its failure. `SystemExit` and the like are failures too, for a
    plugin may not stop the server by its own choice; Ctrl-C stays Ctrl-C."""
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - the dispatcher of hooks isolates plugins
        return Failure(error)


def shown(value: object) -> str:
    """A short text for any value, also for one whose `repr` raises."""
    return _shortened.repr(value)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an exception of a plugin may be broken as well
        return ""
