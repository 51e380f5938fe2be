"""Long work on the event loop, done so that nobody waits for the end of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 1000
"""So many points of a chart are read or written in well under a millisecond."""


async def in_turns(items: Sequence[T], at_once: int = AT_ONCE) -> AsyncIterator[Sequence[T]]:
    """The items, `at_once` at a time; after each time everybody else on the loop has a turn.

    No more than `at_once` come at once, and nobody's turn is waited for.
    """
    for first in range(0, len(items), at_once):
        yield items[first : first + at_once]
        # No thread: it shares the interpreter, and whenever the loop wants that back, which is
        # after each call to the system, it waits for 5 ms.
        if len(items) > at_once:
            await asyncio.sleep(0)
