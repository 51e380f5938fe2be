"""How many connections each of several processes holds, in memory that all of them see."""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

_SIZE: Final = 4
_NOBODY: Final = 0

SLACK: Final = 4
"""Connections that one may hold beyond the one that holds the fewest, or an eighth of its own."""


class Crowd:
    """A number for each place, counted from 1, in a file that its processes share.

    Numbers are read while others write them; one that is a moment old does no harm.
    """

    def __init__(self, descriptor: int, places: int) -> None:
        """Raises OSError and ValueError for a file that was not made for that many."""
        self._numbers = memoryview(mmap.mmap(descriptor, places * _SIZE)).cast("I")

    @classmethod
    def new(cls, descriptor: int, places: int) -> Crowd:
        """In a file that is empty: nobody holds anything yet."""
        os.ftruncate(descriptor, places * _SIZE)
        return cls(descriptor, places)

    def note(self, place: int, held: int) -> None:
        """That many connections are held there."""
        self._numbers[place - 1] = held + 1

    def leave(self, place: int) -> None:
        """Nobody serves there now."""
        self._numbers[place - 1] = _NOBODY

    def is_ahead(self, place: int) -> bool:
        """Whether others should take the next ones."""
        own = self._numbers[place - 1]
        fewest = min(number for number in [*self._numbers, own] if number != _NOBODY)
        return own - fewest > max(SLACK, own // 8)


class Shared(NamedTuple):
    """Bound sockets that several processes listen on, and which of these this one is.

    Without a `crowd` nobody looks at how many connections the others hold.
    """

    sockets: Sequence[socket.socket]
    crowd: Crowd | None
    place: int
