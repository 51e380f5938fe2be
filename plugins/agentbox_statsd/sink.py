"""The sink that sends datagrams: nobody says whether they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from agentbox.model.metrics import Batch, MetricType
from agentbox.plugin import MetricSink
from agentbox_statsd.lines import Writer
from agentbox_statsd.options import StatsdOptions

IN_A_ROW: Final = 32
PAUSE: Final = 0.01
"""Seconds after so many packets, which a receiver's buffer holds; it empties it meanwhile."""


class StatsdSink(MetricSink):
    """Looks the server up anew for each batch, so that it may move."""

    def __init__(self, options: StatsdOptions) -> None:
        self._address = options.host, options.port
        self._writer = Writer(options)

    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        """Raises OSError if the server has no address, and where the machine says that nobody
        listens there, which it does for some packets after the first."""
        socket, told = await asyncio.get_running_loop().create_datagram_endpoint(
            _Told, remote_addr=self._address
        )
        try:
            await _send(socket, self._writer.packets(batch.samples, types))
        finally:
            socket.close()
        await told.closed
        if told.error is not None:
            raise told.error


async def _send(socket: asyncio.DatagramTransport, packets: Iterable[bytes]) -> None:
    for number, packet in enumerate(packets, 1):
        socket.sendto(packet)
        if number % IN_A_ROW == 0:
            await asyncio.sleep(PAUSE)


class _Told(asyncio.DatagramProtocol):
    """What the machine tells of a socket. Nothing is ever received."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def error_received(self, exc: Exception) -> None:
        """Of a packet that was refused or could not be sent."""
        self.error = exc

    def connection_lost(self, exc: Exception | None) -> None:
        """Everything that waited was sent, if it could be."""
        self.error = exc or self.error
        if not self.closed.done():
            self.closed.set_result(None)
