"""Two tables in the order of their keys, walked side by side."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

Values = tuple[Any, ...]
Batches = AsyncIterator[Sequence[Values]]


class Difference(NamedTuple):
    """Some rows further: what the target lacks or has otherwise, and keys that it has too many."""

    seen: int
    """Rows of the source since the last difference."""

    rows: Sequence[Values]
    gone: Sequence[Values]


async def differences(source: Batches, target: Batches, width: int) -> AsyncIterator[Difference]:
    """What must be written to the target, and deleted there, batch by batch of the source.

    The key is the first `width` values of a row.
    """
    walk = _Walk(target)
    await walk.load()
    async for batch in source:
        rows: list[Values] = []
        gone: list[Values] = []
        for row in batch:
            key = row[:width]
            while walk.head is not None and walk.head[:width] < key:
                gone.append(walk.head[:width])
                if not walk.step():
                    await walk.load()
            if walk.head != row:
                rows.append(row)
            if walk.head is not None and walk.head[:width] == key and not walk.step():
                await walk.load()
        yield Difference(len(batch), rows, gone)
    while rest := walk.rest():
        yield Difference(0, (), [row[:width] for row in rest])
        await walk.load()


class _Walk:
    """The target's rows, one at a time; `head` is None after the last."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._batch: Sequence[Values] = ()
        self._next = 0
        self.head: Values | None = None

    async def load(self) -> None:
        """Go to the first row of the next batch."""
        self._batch, self._next, self.head = (), 0, None
        # `anext` with a tuple as its default raises SystemError in Python 3.11.
        with contextlib.suppress(StopAsyncIteration):
            self._batch = await anext(self._batches)
        self.step()

    def step(self) -> bool:
        """Go to the next row; False if another batch has to be loaded first."""
        if self._next == len(self._batch):
            return False
        self.head = self._batch[self._next]
        self._next += 1
        return True

    def rest(self) -> Sequence[Values]:
        """What is left of the batch."""
        return () if self.head is None else self._batch[self._next - 1 :]
