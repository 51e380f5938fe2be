"""What a worker has from its supervisor: numbers of descriptors, handed over as one option.

The channel between the two carries lines: the worker's `ready`, then orders of the supervisor. Its
end is an order too: whoever holds the other end is gone.
"""

from __future__ import annotations

import os
import socket
import tempfile
from dataclasses import replace
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from agentbox.cli.serving.orders import Stop
from agentbox.config.addresses import listen_address
from agentbox.config.schema import Settings
from agentbox.core.readings.sharing import SharedReadings
from agentbox.core.startup import Assembly
from agentbox.errors import StartError
from agentbox.web.crowd import Crowd, Shared

READY = b"ready\n"
OPTION = "--inherited"

_NO_FOLDER = -1
_LISTEN: Final = "@"


class Order(Enum):
    """What the supervisor says; the values are what goes over the channel."""

    DRAIN = "drain"
    AT_ONCE = "at-once"
    RETIRE = "retire"
    HURRY = "hurry"

    @property
    def line(self) -> bytes:
        """The order as it is sent."""
        return f"{self.value}\n".encode()


STOPS = {Order.DRAIN: Stop.DRAIN, Order.AT_ONCE: Stop.AT_ONCE, Order.RETIRE: Stop.RETIRE}


def new_common() -> int:
    """The descriptor of a new file that no folder holds: a server may have none to write to."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("agentbox")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Common(NamedTuple):
    """What a worker shares with the others: what it listens on, what /metrics alone is served on,
    and where they tell each other what they have counted."""

    listening: Shared
    page: Shared | None
    readings: SharedReadings | None


class Inheritance(NamedTuple):
    """The worker's number, counted from 1, of how many, and its descriptors.

    `common` is a file that is the lock of the log and counts connections; `readings` the folder in
    which workers tell each other what they have counted, if there is one; `sockets` are bound, and
    shared with all other workers, as are those of `page`, which serve /metrics alone at the
    address that was `listen` in the supervisor's settings.
    """

    number: int
    workers: int
    channel: int
    common: int
    readings: int | None
    sockets: tuple[int, ...]
    page: tuple[int, ...] = ()
    listen: str | None = None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All of them."""
        folder = () if self.readings is None else (self.readings,)
        return (self.channel, self.common, *folder, *self.sockets, *self.page)

    def __str__(self) -> str:
        folder = _NO_FOLDER if self.readings is None else self.readings
        ours = (self.number, self.workers, self.channel, self.common, folder, len(self.page))
        numbers = ",".join(map(str, (*ours, *self.page, *self.sockets)))
        return numbers if self.listen is None else f"{numbers}{_LISTEN}{self.listen}"

    @classmethod
    def parse(cls, text: str) -> Inheritance:
        """The opposite of `str`. Raises `StartError` unless all are open."""
        try:
            numbers, has_listen, listen = text.partition(_LISTEN)
            number, workers, channel, common, folder, pages, *sockets = map(int, numbers.split(","))
            made = cls(
                number,
                workers,
                channel,
                common,
                None if folder == _NO_FOLDER else folder,
                tuple(sockets[pages:]),
                tuple(sockets[:pages]),
                listen if has_listen else None,
            )
            for descriptor in made.descriptors:
                # Passing them on to programs that plugins start would keep the address taken.
                os.set_inheritable(descriptor, False)
        except (ValueError, OSError):
            raise StartError(f"{OPTION} is for workers, which the supervisor starts.") from None
        return made

    def in_force(self, assembly: Assembly) -> Assembly:
        """With the address of /metrics that there is, which `[metrics] listen` may have said
        otherwise since the supervisor took it."""
        metrics = msgspec.structs.replace(assembly.settings.metrics, listen=self.listen)
        settings = msgspec.structs.replace(assembly.settings, metrics=metrics)
        return replace(assembly, settings=settings)

    def moves_page(self, settings: Settings) -> bool:
        """Whether the settings name another address for /metrics than there is."""
        metrics = settings.metrics
        return metrics.enabled and _address(metrics.listen) != _address(self.listen)

    def opened(self) -> tuple[socket.socket, Common]:
        """The channel, and what is shared with the other workers."""
        sockets = [socket.socket(fileno=number) for number in self.sockets]
        page = [socket.socket(fileno=number) for number in self.page]
        crowd = Crowd(self.common, self.workers)
        return socket.socket(fileno=self.channel), Common(
            Shared(sockets, crowd, self.number),
            Shared(page, None, self.number) if page else None,
            None if self.readings is None else SharedReadings(self.readings),
        )


def _address(listen: str | None) -> tuple[str, int] | None:
    return None if listen is None else listen_address(listen)
