"""A worker as its supervisor sees it: a process, and the channel to it."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Final, Protocol

from agentbox.cli.serving.inheritance import OPTION, READY, Inheritance, Order


class Launch(Protocol):
    """Starts a worker with that number; it has not begun to serve."""

    async def __call__(self, number: int) -> WorkerProcess: ...


class WorkerProcess:
    """One process, from its start to its end."""

    def __init__(
        self, number: int, process: asyncio.subprocess.Process, channel: socket.socket
    ) -> None:
        self.number: Final = number
        self.is_ready = False
        self.ready_at = 0.0
        """When it began to serve, by the loop's clock."""
        self._process = process
        self._channel = channel

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def ready(self) -> bool:
        """Wait until it serves; False if it has ended before."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            self.is_ready = await loop.sock_recv(self._channel, len(READY)) == READY
        self.ready_at = loop.time()
        return self.is_ready

    def tell(self, order: Order) -> None:
        """Tell it what to do; of no effect once it has ended."""
        with suppress(OSError):
            self._channel.send(order.line)

    async def ended(self) -> int:
        """Its exit status, negative for a signal, once it has ended."""
        status = await self._process.wait()
        self.is_ready = False
        self._channel.close()
        return status


def launcher(
    command: Sequence[str],
    sockets: Sequence[socket.socket],
    *,
    count: int,
    common: int,
    readings: int | None = None,
    page: Sequence[socket.socket] = (),
    listen: str | None = None,
) -> Launch:
    """Starts one of `count` workers by `command` and the option for what they inherit.

    `listen` is what the settings call the address of `page`.

    Each is a session of its own, so that Ctrl-C comes to the supervisor alone, which passes it on.
    """

    async def launch(number: int) -> WorkerProcess:
        ours, theirs = socket.socketpair()
        with ExitStack() as opened:
            opened.callback(ours.close)
            inheritance = Inheritance(
                number,
                count,
                channel=theirs.fileno(),
                common=common,
                readings=readings,
                sockets=tuple(each.fileno() for each in sockets),
                page=tuple(each.fileno() for each in page),
                listen=listen,
            )
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    OPTION,
                    str(inheritance),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=inheritance.descriptors,
                    start_new_session=True,
                )
            opened.pop_all()
        ours.setblocking(False)
        return WorkerProcess(number, process, ours)

    return launch


def this_command() -> list[str]:
    """The command line of this process, for another one of its kind: same interpreter, options."""
    return [sys.executable, *sys.orig_argv[1:]]


def described(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"status {status}"
    with suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"
