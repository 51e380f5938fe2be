"""Load of the machine and of this process, as psutil tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

import psutil

from agentbox.model.metrics import MetricType, Sample
from agentbox.plugin import MetricSource

MEBIBYTE: Final = 1 << 20

HOST_CPU: Final = MetricType(
    name="host_cpu",
    unit="percent",
    description="Of all processors of the machine, since the tick before.",
)
HOST_MEMORY: Final = MetricType(
    name="host_memory", unit="percent", description="Of the machine's memory."
)
HOST_DISK: Final = MetricType(
    name="host_disk",
    unit="percent",
    description="Of the file system that the database stands on, where it is a file.",
)
PROCESS_MEMORY: Final = MetricType(
    name="process_memory", unit="MiB", description="Of a process of agentbox, on average."
)


class Host(MetricSource):
    """Each process measures where it runs; `beside` is a file beside the database, if it is one."""

    of_process: ClassVar[bool] = True

    def __init__(self, beside: Path | None) -> None:
        self._folder = None if beside is None else beside.absolute().parent
        self._process = psutil.Process()
        self._times = psutil.cpu_times()

    @property
    def types(self) -> Sequence[MetricType]:
        """All of them gauges, so that of several processes the average is shown."""
        return (HOST_CPU, HOST_MEMORY, HOST_DISK, PROCESS_MEMORY)

    async def collect(self, now: datetime) -> Sequence[Sample]:
        """In a thread: a file system may take its time."""
        return await asyncio.to_thread(lambda: list(self._measured()))

    def _measured(self) -> Iterator[Sample]:
        yield Sample(HOST_CPU.name, self._busy())
        yield Sample(HOST_MEMORY.name, psutil.virtual_memory().percent)
        yield Sample(PROCESS_MEMORY.name, self._process.memory_info().rss / MEBIBYTE)
        if self._folder is not None:
            yield Sample(HOST_DISK.name, psutil.disk_usage(str(self._folder)).percent)

    def _busy(self) -> float:
        """Percent since it was asked last. `psutil.cpu_percent` remembers that for each thread."""
        before, self._times = self._times, psutil.cpu_times()
        passed, rested = _passed(self._times) - _passed(before), _idle(self._times) - _idle(before)
        # Counters of the kernel may go back a little, by turns.
        return min(max(100.0 * (passed - rested) / passed, 0.0), 100.0) if passed > 0 else 0.0


def _passed(times: Any) -> float:
    """Seconds of all processors. Those of guests are among `user` and `nice` already."""
    of_guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - of_guests)


def _idle(times: Any) -> float:
    """Seconds in which nothing ran; what waits for a disk doesn't run."""
    return float(times.idle + getattr(times, "iowait", 0.0))
