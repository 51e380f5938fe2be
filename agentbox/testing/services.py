"""Services for a plugin that is tried by itself."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from agentbox.errors import StartError
from agentbox.model.api_keys import IssuedKey
from agentbox.model.environments import RunningEnvironment
from agentbox.model.formats.api_key import KeyFormat
from agentbox.plugin import (
    Clock,
    Logger,
    NoOptions,
    Options,
    Outgoing,
    Readings,
    Sealer,
    Services,
    Storage,
)

T = TypeVar("T")


class PlainClock:
    """The machine's time."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class KeptLog:
    """A logger that keeps `lines`: level, event and values."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Mapping[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        if level not in {"debug", "info", "warning", "error"}:
            raise AttributeError(level)
        return lambda event, **values: self.lines.append((level, event, values))


class PlainServices(Services):
    """What a host hands to a plugin, with the machine's clock and whatever else you give.

    `kept` has the lines of its log, `counted` what it counted, `observed` what it timed. What was
    not given raises `StartError`, as it does in a process that has none.
    """

    def __init__(
        self,
        instance_id: str = "plugin",
        options: Options | None = None,
        *,
        clock: Clock | None = None,
        storage: Storage | None = None,
        outgoing: Outgoing | None = None,
        readings: Readings | None = None,
        environments: Sequence[RunningEnvironment] = (),
    ) -> None:
        self.kept = KeptLog()
        self.counted: Counter[str] = Counter()
        self.observed: list[tuple[str, float]] = []
        self._instance_id = instance_id
        self._options = options if options is not None else NoOptions()
        self._clock = clock or PlainClock()
        self._storage = storage
        self._outgoing = outgoing
        self._readings = readings
        self._environments = environments

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def storage(self) -> Storage:
        return _given(self._storage, "storage")

    @property
    def sealer(self) -> Sealer:
        raise StartError("These services have no sealer.")

    @property
    def log(self) -> Logger:
        return self.kept

    @property
    def options(self) -> Any:
        return self._options

    @property
    def instance_id(self) -> str:
        return self._instance_id

    @property
    def public_url(self) -> str:
        return "https://auth.example"

    @property
    def api_key_format(self) -> KeyFormat:
        return KeyFormat("ak_test_")

    @property
    def outgoing(self) -> Outgoing:
        return _given(self._outgoing, "outgoing")

    @property
    def readings(self) -> Readings:
        return _given(self._readings, "readings")

    async def issued_key(self, key_id: str) -> IssuedKey | None:
        return None

    async def running_environments(self, now: datetime) -> Sequence[RunningEnvironment]:
        return self._environments

    def count(self, counter: str, amount: int = 1) -> None:
        if amount < 0:
            raise ValueError(f"{counter} can't be counted back by {-amount}: counters only grow.")
        self.counted[counter] += amount

    def observe(self, timer: str, seconds: float) -> None:
        self.observed.append((timer, seconds))


def _given(part: T | None, name: str) -> T:
    if part is None:
        raise StartError(f"These services have no {name}.")
    return part
