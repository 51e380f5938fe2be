"""Look-ups that are asked for at the same time go to the database together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

from agentbox.errors import StorageError

V = TypeVar("V")

MOST_IDS = 64
"""Ids in one read."""

READS_AT_ONCE = 2
"""Reads under way; who asks meanwhile is gathered for the next. Two, so that one that hangs does
not hold up all."""

DEADLINE = 1.5
"""Seconds from asking until there is an answer: less than what an authenticator has, so that a slow
database is not taken for a broken plugin."""

Waiting = dict[str, list[asyncio.Future[V | None]]]


class Gathered(Generic[V]):
    """Finds rows by id with a `read` of many.

    Under load a look-up shares its round trip, and all that goes with one, with those beside it;
    without load it is read alone, at once. Nobody joins a read that has begun, so an answer is
    never older than its question.
    """

    def __init__(self, read: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]) -> None:
        self._read = read
        self._waiting: Waiting[V] = {}
        self._first_asked = 0.0
        self._due = False
        self._reads: set[asyncio.Task[Mapping[str, V]]] = set()

    def find(self, id_: str) -> asyncio.Future[V | None]:
        """The row, None if it is not there. To be awaited by one caller, who may give up.

        Fails with `StorageError` after `DEADLINE`, and with whatever the read raises.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[V | None] = loop.create_future()
        if not (id_.isascii() and id_.isprintable()):
            # No id of ours, and maybe no text that a database takes: it would fail all beside it.
            future.set_result(None)
            return future
        if not self._waiting:
            self._first_asked = loop.time()
        self._waiting.setdefault(id_, []).append(future)
        if not self._due and len(self._reads) < READS_AT_ONCE:
            # Not before the loop's turn is over: others may ask in it.
            self._due = True
            loop.call_soon(self._begin)
        return future

    def _begin(self) -> None:
        self._due = False
        while self._waiting and len(self._reads) < READS_AT_ONCE:
            batch = dict(islice(self._waiting.items(), MOST_IDS))
            for id_ in batch:
                del self._waiting[id_]
            task = asyncio.get_running_loop().create_task(self._in_time(batch, self._first_asked))
            self._reads.add(task)
            task.add_done_callback(partial(self._deliver, batch))

    async def _in_time(self, batch: Waiting[V], asked: float) -> Mapping[str, V]:
        try:
            async with asyncio.timeout_at(asked + DEADLINE):
                return await self._read(list(batch))
        except TimeoutError:
            raise StorageError("the database does not answer in time") from None

    def _deliver(self, batch: Waiting[V], task: asyncio.Task[Mapping[str, V]]) -> None:
        self._reads.discard(task)
        if self._waiting:
            self._begin()
        if task.cancelled():
            error: BaseException | None = StorageError("the look-up was given up")
        else:
            error = task.exception()
        found = task.result() if error is None else {}
        for id_, futures in batch.items():
            for future in futures:
                if future.done():  # whoever asked has left
                    continue
                if error is None:
                    future.set_result(found.get(id_))
                else:
                    future.set_exception(error)
