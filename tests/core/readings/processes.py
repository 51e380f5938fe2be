"""Processes that count and tell each other of it, in one folder."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from agentbox.core.counters import Counters
from agentbox.core.readings.adding import added
from agentbox.core.readings.readings import ServerReadings
from agentbox.core.readings.requests import RequestCounts
from agentbox.core.readings.sharing import SharedReadings
from agentbox.plugin.metrics import Family
from tests.live import ShiftedClock


class Process:
    """One of several that serve."""

    def __init__(self, folder: int, shared: SharedReadings | None = None) -> None:
        self.counters = Counters()
        self.requests = RequestCounts()
        self.readings = ServerReadings(
            self.counters,
            self.requests,
            ShiftedClock(),
            timedelta(seconds=30),
            shared or SharedReadings(folder),
        )

    async def page(self) -> dict[str, Family]:
        """What it says of the server, by name."""
        return {family.name: family for family in await self.readings.of_server()}

    async def reuse(self) -> object:
        """A counter of the core, of the server."""
        return (await self.page())["refresh_reuse"].values[()]


def counter(number: float) -> Family:
    """What most tests count."""
    return Family(name="done", kind="counter", description="", values={(): number})


def gauge(number: float) -> Family:
    """What there is now."""
    return Family(name="waiting", kind="gauge", description="", values={(): number})


def sums(shared: SharedReadings, *mine: Family) -> dict[str, object]:
    """What a page would say, by name, of families without labels."""
    return {each.name: each.values[()] for each in added([mine, *shared.of_others()])}


def ended(folder: int, *families: Family) -> None:
    """A process that told this and is no more."""
    passing = SharedReadings(folder)
    passing.join()
    passing.tell(families)
    passing.leave()


def files(folder: int) -> Sequence[str]:
    """What is in the folder, in order."""
    listing = os.open(".", os.O_RDONLY, dir_fd=folder)
    try:
        return sorted(os.listdir(listing))
    finally:
        os.close(listing)


@contextmanager
def full_disk() -> Iterator[None]:
    """Files can be made, but nothing written to them."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
