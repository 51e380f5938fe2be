"""The supervisor: binds once, starts workers, starts again what dies, stops all.

It serves nothing itself and opens no database. Workers hold the same sockets, so that what waits to
be accepted waits for all of them, and is lost with none.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from agentbox.cli.serving.announcements import (
    announce_listening,
    announce_page,
    announce_start,
    cant_listen,
    cant_listen_for_metrics,
)
from agentbox.cli.serving.folder import folder_of_readings
from agentbox.cli.serving.inheritance import STOPS, Order, new_common
from agentbox.cli.serving.orders import Stop, on_signals
from agentbox.cli.serving.processes import (
    Launch,
    WorkerProcess,
    described,
    launcher,
    this_command,
)
from agentbox.cli.serving.sockets import bind, page_address, url_of
from agentbox.core.logs import Turns, configure
from agentbox.core.startup import Assembly
from agentbox.errors import StartError
from agentbox.web.crowd import Crowd

STEADY: Final = 30.0
"""Seconds after which a worker that dies was not one that can't live."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0

TOLD: Final = 3
"""The exit status of a worker that has said on standard error why it does not start."""

_ORDERS: Final = {how: order for order, how in STOPS.items()}

_log = structlog.get_logger("agentbox.supervisor")


class WorkerFailed(Exception):
    """A worker did not come to serve: `end` says why, `status` is how it ended if it began."""

    def __init__(self, number: int, end: str, status: int | None = None) -> None:
        super().__init__(f"Worker {number} ended with {end} before it served.")
        self.number = number
        self.end = end
        self.status = status


def supervise(assembly: Assembly) -> int:
    """Be the supervisor until SIGTERM or Ctrl-C; the exit status. Raises `StartError`."""
    common = new_common()
    log = configure(assembly.settings, turn=Turns(common))
    try:
        return asyncio.run(_supervise(assembly, common))
    finally:
        log.close()


async def _supervise(assembly: Assembly, common: int) -> int:
    server = assembly.settings.server
    announce_start(assembly)
    sockets, page = _bound(assembly)
    crowd = Crowd.new(common, server.workers)
    with folder_of_readings() as readings:
        launch = launcher(
            this_command(),
            sockets,
            count=server.workers,
            common=common,
            readings=readings,
            page=page,
            listen=assembly.settings.metrics.listen if page else None,
        )
        supervisor = Supervisor(server.workers, launch, [*sockets, *page], crowd)
        _obey_signals(supervisor)
        try:
            clean = await supervisor.run(lambda: _announce(sockets, page, server.workers))
        except WorkerFailed as failed:
            if failed.status == TOLD:
                return TOLD
            raise StartError(str(failed)) from failed
    _log.info("stopped")
    return 0 if clean else 1


def _bound(assembly: Assembly) -> tuple[Sequence[socket.socket], Sequence[socket.socket]]:
    """What is listened on, for everything and for /metrics alone. Raises `StartError`."""
    server, page = assembly.settings.server, page_address(assembly.settings)
    try:
        sockets = bind(server.host, server.port)
    except OSError as error:
        raise cant_listen(assembly.settings, error) from error
    try:
        return sockets, [] if page is None else bind(*page)
    except OSError as error:
        raise cant_listen_for_metrics(assembly.settings, error) from error


def _announce(
    sockets: Sequence[socket.socket], page: Sequence[socket.socket], workers: int
) -> None:
    if page:
        announce_page(url_of(page[0]))
    announce_listening(url_of(sockets[0]), workers=workers)


def _obey_signals(supervisor: Supervisor) -> None:
    on_signals(supervisor.stop)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup
        return
    # On a terminal it says that the terminal is gone.
    gone = partial(supervisor.stop, Stop.DRAIN)
    obey = gone if sys.stdin is not None and sys.stdin.isatty() else supervisor.renew
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, obey)


class Supervisor:
    """Keeps `count` workers serving; one object for one run.

    `sockets` are closed when it begins to stop, so that nothing is accepted that no worker hears.
    """

    def __init__(
        self, count: int, launch: Launch, sockets: Iterable[socket.socket], crowd: Crowd
    ) -> None:
        self._launch = launch
        self._sockets = sockets
        self._crowd = crowd
        self._filling = {number: asyncio.Lock() for number in range(1, count + 1)}
        """Who holds the lock of a place puts a worker into it."""
        self._places: dict[int, WorkerProcess] = {}
        self._running: set[WorkerProcess] = set()
        self._unclean: set[WorkerProcess] = set()
        self._stopping = asyncio.Event()
        self._order: Order | None = None
        self._again = False
        self._renewing: asyncio.Task[None] | None = None

    async def run(self, on_serving: Callable[[], None]) -> bool:
        """Serve until `stop`; True if all workers then ended as they should.

        The first worker starts alone: what is done once for a database, it does, and what stops
        the start, it says once. Then the others start together. `on_serving` is called when all of
        them serve. Raises `WorkerFailed` if one of these fails, or a later one while no other
        serves.
        """
        keeping: list[asyncio.Task[None]] = []
        try:
            first, *others = self._filling
            await self._fill(first)
            filled = await asyncio.gather(*map(self._fill, others), return_exceptions=True)
            for failed in filter(None, filled):
                raise failed
            on_serving()
            keeping += [asyncio.create_task(self._keep(number)) for number in self._places]
            await asyncio.gather(*keeping)
        except _Stopped:
            pass
        finally:
            if not self._stopping.is_set():
                self._begin_to_stop(Order.RETIRE)
            beginning = [*keeping, *([self._renewing] if self._renewing else [])]
            await asyncio.gather(*beginning, return_exceptions=True)
            await asyncio.gather(*(self._ended(worker) for worker in list(self._running)))
        return not self._unclean

    def stop(self, how: Stop) -> None:
        """Let all workers stop; the second time, without a delay."""
        if self._order is None:
            _log.info("stopping", signal=how.value)
            self._begin_to_stop(_ORDERS[how])
        else:
            self._tell(Order.HURRY)

    def renew(self) -> None:
        """Put new workers in the place of all, one after another, each before its old one goes.

        They read the settings anew. If one of them fails, the others stay as they are.
        """
        self._again = True
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

    def _begin_to_stop(self, order: Order) -> None:
        self._order = order
        self._stopping.set()
        for sock in self._sockets:
            sock.close()
        self._tell(order)

    def _tell(self, order: Order) -> None:
        for worker in self._running:
            worker.tell(order)

    async def _fill(self, number: int) -> None:
        self._places[number] = await self._started(number)

    async def _started(self, number: int) -> WorkerProcess:
        """A new worker that serves. Raises `WorkerFailed`, and `_Stopped` while it stops."""
        if self._stopping.is_set():
            raise _Stopped
        try:
            worker = await self._launch(number)
        except OSError as error:  # no memory, or no program any more
            raise WorkerFailed(number, f"{error.strerror}") from error
        self._running.add(worker)
        if self._order is not None:
            worker.tell(self._order)
        if await worker.ready():
            _log.info("worker_ready", worker=number, pid=worker.pid)
            return worker
        status = await self._ended(worker)
        if self._stopping.is_set():
            raise _Stopped
        raise WorkerFailed(number, described(status), status)

    async def _ended(self, worker: WorkerProcess) -> int:
        status = await worker.ended()
        self._running.discard(worker)
        # A signal that also came to it directly may have found it before it could listen.
        if self._stopping.is_set() and status not in {0, -signal.SIGTERM}:
            self._unclean.add(worker)
        return status

    async def _keep(self, number: int) -> None:
        """Put a new worker in the place of each that dies."""
        loop = asyncio.get_running_loop()
        deaths = 0
        while True:
            worker = self._places[number]
            status = await self._ended(worker)
            if self._stopping.is_set():
                return
            if self._places[number] is worker:
                self._crowd.leave(number)
                deaths = deaths + 1 if loop.time() - worker.ready_at < STEADY else 0
                _log.error("worker_died", worker=number, pid=worker.pid, end=described(status))
                deaths = await self._replace(worker, deaths)

    async def _replace(self, dead: WorkerProcess, deaths: int) -> int:
        """How many deaths at once there were, with those of workers that never served."""
        number = dead.number
        while True:
            await self._pause(deaths)
            async with self._filling[number]:
                if self._stopping.is_set() or self._places[number] is not dead:
                    return deaths
                try:
                    await self._fill(number)
                except WorkerFailed as failed:
                    if not any(worker.is_ready for worker in self._running):
                        raise
                    _log.error("worker_failed", worker=number, end=failed.end)
                    deaths += 1
                else:
                    return deaths

    async def _pause(self, deaths: int) -> None:
        """Longer after each of several deaths at once; cut short by a stop."""
        if deaths:
            pause = min(FIRST_PAUSE * 2 ** (deaths - 1), LONGEST_PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _renew(self) -> None:
        with suppress(_Stopped):
            while self._again:
                self._again = False
                _log.info("renewing", workers=len(self._places))
                for number in sorted(self._places):
                    if not await self._renewed(number):
                        return
                _log.info("renewed", workers=len(self._places))

    async def _renewed(self, number: int) -> bool:
        async with self._filling[number]:
            old = self._places[number]
            try:
                await self._fill(number)
            except WorkerFailed as failed:
                _log.error("renewal_failed", worker=number, end=failed.end)
                return False
        old.tell(Order.RETIRE)
        await self._ended(old)
        return True


class _Stopped(Exception):
    """No worker is started any more."""
