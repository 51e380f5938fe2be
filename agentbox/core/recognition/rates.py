"""How often limited API keys may be used: at most so many times in any span of a period.

The uses are in the database, so that all processes on it share one count and a restart forgets
none. A process that sees a key used again and again takes a few uses more than are asked for, and
spends them in memory: they count as used until they are over, and what is left of them is given
back with the next asking.
"""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Final

from agentbox.core.recognition.caches import Bounded
from agentbox.core.recognition.marks import Rate
from agentbox.errors import InvalidToken
from agentbox.model.formats.rate_limit import parse_rate_limit
from agentbox.model.times import EPOCH
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage

MOST_KEYS: Final = 10_000
"""Keys that are remembered here. The one that came first is forgotten for another, and asked for
anew."""

SPARE_FOR: Final = timedelta(seconds=5)
"""How long uses may be spare at most: what a process holds when it is killed is lost to the key."""


class _Share:
    """What this process knows of one key, and has of its rate."""

    __slots__ = (
        "asked",
        "asking",
        "full_until",
        "lasts",
        "rate",
        "spare",
        "spare_last",
        "spare_until",
        "text",
        "used",
        "waiting",
    )

    def __init__(self, text: str) -> None:
        self.text = text
        self.rate = _parsed(text)
        self.lasts = min(self.rate.part, SPARE_FOR).total_seconds()
        self.spare = 0
        self.spare_until = -math.inf  # monotonic; `spare_last` is the same for the database
        self.spare_last = EPOCH
        self.used = 0  # since `spare_until` was moved on
        self.full_until = -math.inf
        self.asking = False
        self.waiting: list[asyncio.Future[int]] = []
        self.asked: list[asyncio.Future[int]] = []

    def spend(self, now: float) -> bool:
        """Use one that is spare, if there is one."""
        if not self.spare or now >= self.spare_until:
            return False
        self.spare -= 1
        self.used += 1
        return True

    def expected(self, now: float) -> int:
        """How many more uses will come soon: as many again as there have just been, or as there
        were the last time; none for a key that is used now and then."""
        if now < self.spare_until:
            return self.used
        return self.used - 1 if now < self.spare_until + self.lasts else 0

    def take(self, now: float, used: int, spare: int, until: datetime, seconds: float) -> None:
        """Note what the database gave: uses that are made now, and some that may be until then."""
        if now >= self.spare_until:
            self.used = 0
        self.used += used
        self.spare, self.spare_last, self.spare_until = spare, until, now + seconds


class Rates:
    """The counts of all keys that have a rate."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._shares: Bounded[str, _Share] = Bounded(MOST_KEYS)
        self._tasks: set[asyncio.Task[list[int]]] = set()

    def known(self, key_id: str, rate: str) -> int | None:
        """What is known without asking: 0 if the key may be used now, which is noted, else the
        whole seconds until it may; None if the database has to be asked."""
        share = self._shares.get(key_id)
        if share is None or share.text != rate:
            return None
        now = self._clock.monotonic()
        if share.spend(now):
            return 0
        return (share.full_until > now and _whole(share.full_until - now)) or None

    async def ask(self, key_id: str, rate: str) -> int:
        """As `known`, by the database; those who ask at the same time share one transaction.

        A use that is refused is not noted. Raises `InvalidToken` if the key is gone, `StorageError`
        if it can't be counted.
        """
        share = self._shares.get(key_id)
        if share is None or share.text != rate:
            share = _Share(rate)
            self._shares.put(key_id, share)
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        share.waiting.append(turn)
        if not share.asking:
            self._begin(key_id, share)
        return await turn

    def _begin(self, key_id: str, share: _Share) -> None:
        share.asking = True
        # In a task of its own: others wait for the same answer when the first client has left.
        task = asyncio.get_running_loop().create_task(self._asked(key_id, share))
        self._tasks.add(task)
        task.add_done_callback(partial(self._answer, key_id, share))

    def _answer(self, key_id: str, share: _Share, task: asyncio.Task[list[int]]) -> None:
        self._tasks.discard(task)
        share.asking = False
        turns, share.asked = share.asked, []
        if task.cancelled() or task.exception() is not None:
            turns, share.waiting = [*turns, *share.waiting], []
        for at, turn in enumerate(turns):
            if turn.done():
                continue  # its client has left
            if task.cancelled():
                turn.cancel()
            elif (error := task.exception()) is not None:
                turn.set_exception(error)
            else:
                turn.set_result(task.result()[at])
        self._go_on(key_id, share)

    def _go_on(self, key_id: str, share: _Share) -> None:
        """For those who came too late to be asked for: spare uses if there are some."""
        now = self._clock.monotonic()
        waiting = [turn for turn in share.waiting if not turn.done()]
        while waiting and share.spend(now):
            waiting.pop(0).set_result(0)
        share.waiting = waiting
        if waiting:
            self._begin(key_id, share)

    async def _asked(self, key_id: str, share: _Share) -> list[int]:
        """The seconds to wait for each of `share.asked`, who are those that wait by then."""
        rate = share.rate
        async with self._storage.transaction() as tx:
            await tx.lock(f"rate:{key_id}")
            stored = await tx.api_key_rates.get(key_id)
            # Not before: whoever had the lock has decided, and nobody who decides later is earlier.
            now, at = self._clock.now(), self._clock.monotonic()
            share.asked = [turn for turn in share.waiting if not turn.done()]
            share.waiting = []
            marks = rate.given_back(rate.counting(stored, now), share.spare_last, share.spare)
            room = rate.room(marks)
            granted = min(room, len(share.asked))
            spare = min(share.expected(at), rate.share, room - granted) if granted else 0
            until = min(rate.end_of_part(now), now + SPARE_FOR)
            if granted:
                marks = rate.noted(marks, now, until if spare else now, granted + spare)
            if granted or (marks and marks[-1] != stored[-1]):
                share.spare = 0  # whether they are given back nobody can tell if this fails
                if not await tx.api_key_rates.put(key_id, marks):
                    raise InvalidToken
        if granted:
            share.take(at, granted, spare, until, (until - now).total_seconds())
        wait = (rate.free_again(marks, now) - now).total_seconds()
        # Spare ones that are left over make room again, so they are to be given back first.
        share.full_until = -math.inf if spare else at + wait
        return [0] * granted + [_whole(wait)] * (len(share.asked) - granted)


def _whole(seconds: float) -> int:
    """Whole seconds that are enough; 0 if it is over, but for what floats make of it."""
    return max(math.ceil(round(seconds, 6)), 0)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Rate:
    return Rate.of(parse_rate_limit(text))
