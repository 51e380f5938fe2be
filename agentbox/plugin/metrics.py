"""Abilities around metrics. A source measures, a sink takes what was measured somewhere.

Both are opened once in every process. What a source declares in `types` is all that it ever
measures. A sink gets what this process has collected, tick by tick, from a bounded queue of its
own: one that is slow, hangs or raises loses batches, which are counted, and holds up nobody.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from msgspec import Struct

from agentbox.model.metrics import Batch, MetricType, Sample
from agentbox.plugin.options import NoOptions, Options
from agentbox.plugin.services import Services


class MetricSourceType(Struct, frozen=True, kw_only=True):
    """What `agentbox_metric_source_types` returns. The object inside `open(services)` is a
    `MetricSource`; one instance of each is opened."""

    name: str
    open: Callable[[Services], AbstractAsyncContextManager[object]]
    options: type[Options] = NoOptions
    description: str = ""


class MetricSinkType(Struct, frozen=True, kw_only=True):
    """What `agentbox_metric_sink_types` returns. The object inside `open(services)` is a
    `MetricSink`, a `MetricsPage`, or both; one instance of each is opened."""

    name: str
    open: Callable[[Services], AbstractAsyncContextManager[object]]
    options: type[Options] = NoOptions
    description: str = ""


class MetricSource(ABC):
    """Measures something each tick."""

    of_process: ClassVar[bool] = False
    """Whether each process measures for itself, as its own load. Else one process of all that
    share the database measures for everybody, as what stands in the database."""

    @property
    @abstractmethod
    def types(self) -> Sequence[MetricType]:
        """All that it ever measures. A plugin's names begin with its entry point and `_`."""

    @abstractmethod
    async def collect(self, now: datetime) -> Sequence[Sample]:
        """The samples of this tick, of declared types alone, within 10 s.

        What can't be measured now is left out. One that raises is logged and counted; the samples
        of all others are delivered.
        """


class MetricSink(ABC):
    """Takes samples somewhere."""

    @abstractmethod
    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        """Take these; `types` describes those that occur. Called with one batch at a time.

        One that raises or takes more than 10 s has lost the batch; after several of them it is left
        alone for a while.
        """


class MetricsPage(ABC):
    """Shows what is measured to those who come for it, as `GET /metrics`."""

    content_type: ClassVar[str]

    @abstractmethod
    async def page(self) -> bytes:
        """The page as it is now, of all processes of this server."""


class Histogram(Struct, frozen=True):
    """How many took at most each of `bounds` (seconds), how many in all, and how long together."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    total: float


class Family(Struct, frozen=True, kw_only=True):
    """A family of readings (in the sense of OpenMetrics): one value for each set of label values.

    `name` has no prefix and no suffix. Label values come from fixed sets: routes, methods,
    statuses, names of plugins and jobs.
    """

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    description: str
    labels: tuple[str, ...] = ()
    values: Mapping[tuple[str, ...], float | Histogram] = {}


class Readings(Protocol):
    """What agentbox measures of itself."""

    async def of_server(self) -> Sequence[Family]:
        """Of all processes of this server together: counters since each of them began, added up and
        never going back while the server runs; gauges added up."""

    def of_process(self) -> Sequence[Family]:
        """Of this process alone."""
