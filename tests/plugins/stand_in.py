"""A host's services for one plugin at a time: a clock that stands still, a log that keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from agentbox.core.start.root_secret import RootSecret
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


class CountedStorage:
    """A storage that counts its transactions."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self.transactions = 0

    def transaction(self, *, read_only: bool = False) -> AbstractAsyncContextManager[Transaction]:
        self.transactions += 1
        transaction: AbstractAsyncContextManager[Transaction]
        transaction = self._storage.transaction(read_only=read_only)
        return transaction

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

    def count(self, counter: str, amount: int = 1) -> None:
        self.counted[counter] += amount
