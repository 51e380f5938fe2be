"""Accepting from a socket that other processes accept from too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Protocol

import structlog

BACKLOG: Final = 1024
"""Connections that may wait to be accepted."""

_BREATH: Final = 1.0
"""Seconds until it is tried again, where there was no room for a connection."""

COURTESY: Final = 0.005
"""Seconds that those who hold fewer connections have to take the next ones."""

_UNASKED: Final = 8
"""How many are taken after that, whoever holds fewer."""

_log = structlog.get_logger("agentbox.web")


class Seat(Protocol):
    """Where this process stands among those that accept."""

    def is_ahead(self) -> bool:
        """Whether others, who hold fewer connections, should take the next ones."""
        ...


class SharedListener:
    """Accepts one connection in each turn of the loop, and makes a protocol for it.

    A server of the loop's own takes all that wait at once. Of connections that come together, as
    from a proxy, one process would get all of them and keep them. One that is ahead of others
    leaves them some milliseconds, and then takes some itself, should they be busy.
    """

    def __init__(
        self,
        sock: socket.socket,
        make: Callable[[], asyncio.Protocol],
        seat: Seat,
        *,
        courtesy: float = COURTESY,
    ) -> None:
        self._socket = sock
        self._make = make
        self._seat = seat
        self._courtesy = courtesy
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._open = False
        self._unasked = 0
        """How many it may take without asking whether it is ahead."""

    def start(self) -> None:
        """Listen. Raises OSError if another socket listens there."""
        self._socket.listen(BACKLOG)
        self._socket.setblocking(False)
        self._open = True
        self._loop.add_reader(self._socket, self._accept)

    @property
    def is_open(self) -> bool:
        """Whether it accepts."""
        return self._open

    def double(self) -> socket.socket:
        """The socket once more, which stays open when this is closed."""
        return self._socket.dup()

    def close(self) -> None:
        """Accept no more; what waits is for the other processes."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _accept(self) -> None:
        if self._unasked:
            self._unasked -= 1
        elif self._seat.is_ahead():
            self._pause(self._courtesy)
            return
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            self._unasked = 0  # another process was quicker, or the client has left
            return
        except OSError as error:
            # No descriptor or no memory: the connection goes on waiting, and so would not let go.
            _log.error("cant_accept", error=error.strerror)
            self._pause(_BREATH)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._begin(connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket)
        self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        if self._open:
            self._unasked = _UNASKED
            self._loop.add_reader(self._socket, self._accept)
            self._accept()

    async def _begin(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, connection)
        except OSError:  # the client has left already
            connection.close()
