"""Threads for slow work, few of them, with a short queue before them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from agentbox.errors import Overloaded

QUIET = 10.0

P = ParamSpec("P")
T = TypeVar("T")


class BoundedPool:
    """Runs functions off the event loop: `threads` at a time, `queue` waiting, no more.

    So memory stays under threads times what one of them takes, and nobody waits long (PW-05).
    Once it has been quiet for `quiet` seconds, `after_quiet` is called in one of its threads.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        queue: int,
        *,
        after_quiet: Callable[[], object] | None = None,
        quiet: float = QUIET,
    ) -> None:
        self._after_quiet = after_quiet
        self._quiet = quiet
        self._timer: asyncio.TimerHandle | None = None
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threading.Semaphore(threads + queue)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Drop what waits, let what runs end."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """What `work` will return or raise. Raises `Overloaded` at once if the queue is full."""
        if not self._places.acquire(blocking=False):
            raise Overloaded(retry_after=1)
        future = self._executor.submit(work, *args, **kwargs)
        # A cancelled request leaves its thread at work: the place is free when that has ended.
        future.add_done_callback(self._leave)
        self._wait_for_quiet()
        return asyncio.wrap_future(future)

    def _wait_for_quiet(self) -> None:
        if self._after_quiet is not None:
            if self._timer is not None:
                self._timer.cancel()
            # What still waits then runs before it: the executor keeps the order.
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._quiet, self._executor.submit, self._after_quiet)

    def _leave(self, future: Future[Any]) -> None:
        self._places.release()
