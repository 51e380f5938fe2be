"""A host's services for one plugin at a time: a clock that stands still, a log that keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from agentbox.core.recognition.subjects import Subjects
from agentbox.core.start.root_secret import RootSecret
from agentbox.model.api_keys import IssuedKey
from agentbox.model.formats.api_key import KeyFormat
from agentbox.plugin import Change, Options, Transaction

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class StandingClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.instant = START

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return (self.instant - START).total_seconds() + 1000.0

    def move(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


SEALER = RootSecret([bytes(range(32))])


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Mapping[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **values: self.lines.append((level, event, values))


class CountedTransaction:
    """Notes which stores are asked, in their order."""

    def __init__(self, tx: Transaction, asked: list[str]) -> None:
        self._tx = tx
        self._asked = asked

    def __getattr__(self, store: str) -> Any:
        self._asked.append(store)
        return getattr(self._tx, store)


class CountedStorage:
    """A storage that counts its transactions, and what they ask."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self.transactions = 0
        self.asked: list[str] = []

    @asynccontextmanager
    async def transaction(
        self, *, read_only: bool = False, single: bool = False
    ) -> AsyncIterator[CountedTransaction]:
        self.transactions += 1
        async with self._storage.transaction(read_only=read_only, single=single) as tx:
            yield CountedTransaction(tx, self.asked)

    def on_change(self, listener: Callable[[Change], None]) -> None:
        self._storage.on_change(listener)


class StandInServices:
    """What the host would hand to a plugin."""

    def __init__(self, storage: Any, options: Options) -> None:
        self.storage: Any = CountedStorage(storage)
        self.clock = StandingClock()
        self.sealer = SEALER
        self.log = Log()
        self.options: Any = options
        self.instance_id = "the-instance"
        self.public_url = "https://auth.example"
        self.api_key_format = KeyFormat("ak_live_", ["ak_old_"])
        self.counted: Counter[str] = Counter()
        self._subjects = Subjects(self.storage, self.clock)

    async def issued_key(self, key_id: str) -> IssuedKey | None:
        return await self._subjects.issued_key(key_id)

    def count(self, counter: str, amount: int = 1) -> None:
        self.counted[counter] += amount
