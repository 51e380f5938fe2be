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
        """The samples of this tick, of declared types alone, within 10 s and before the next tick.

        What can't be measured now is left out. One that raises is logged and counted, and left
        alone for a minute after the third time in a row; the samples of all others are delivered.
        """


class MetricSink(ABC):
    """Takes samples somewhere."""

    @abstractmethod
    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        """Take these; `types` describes those that occur. Called with one batch at a time.

        One that raises or takes more than 10 s has lost the batch; after three in a row it is left
        alone for a minute, while up to 16 batches wait for it.
        """


class Page(Struct, frozen=True):
    """A page as it is sent."""

    body: bytes
    content_type: str


class MetricsPage(ABC):
    """Shows what is measured to those who come for it, as `GET /metrics`."""

    @abstractmethod
    async def page(self, accept: str) -> Page:
        """The page as it is now, of all processes of this server, in the form that the `Accept`
        header of the request asks for; empty where there was none. Made within 10 s."""


class Histogram(Struct, frozen=True):
    """How many took at most each of `bounds` (seconds), how many in all, and how long together."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    total: float


class Family(Struct, frozen=True, kw_only=True):
    """A family of readings (in the sense of OpenMetrics): one value for each set of label values.

    `name` has no prefix, and no suffix but the unit (`_seconds`, `_bytes`). Label values come from
    fixed sets: routes, methods, statuses, names of plugins and jobs.

    `together` says what several processes of one server make of a gauge: its sum, its average, the
    largest, or what the process says that measured `at` (seconds since 1970) last. Counters and
    histograms are always added up.
    """

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    description: str
    labels: tuple[str, ...] = ()
    values: Mapping[tuple[str, ...], float | Histogram] = {}
    together: Literal["sum", "average", "largest", "last"] = "sum"
    at: float | None = None


class Readings(Protocol):
    """What agentbox measures of itself."""

    async def of_server(self) -> Sequence[Family]:
        """Of all processes of this server together: counters since each of them began, added up and
        never going back while the server runs; gauges as their families say."""

    def of_process(self) -> Sequence[Family]:
        """Of this process alone."""

    def offer(self, measured: Callable[[], Sequence[Family]]) -> None:
        """Tell what this gives, too, of this process and of the server. It is called each second,
        and does no I/O. A family of a name that is there already is left out, and so is one that
        was measured more than three collection intervals ago. Families are copied, so their values
        may be what the plugin goes on counting in. Where it raises, or gives what is no family, or
        values, labels or texts of other types than `Family` says, or a number of more than 64 bits,
        nothing of it is told, and it is counted as a failure of the plugin."""
