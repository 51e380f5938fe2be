"""Runs what a process is for, and ends the process then, whatever plugins have left behind."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from types import FrameType
from typing import Any, Final

import structlog

from agentbox.core.logs import LogHandle
from agentbox.errors import StartError, StorageError

LEFT_WITHIN: Final = 3.0
"""Seconds that tasks have to end in which are left when the server has stopped."""

CUT_OFF_AFTER: Final = 6.0
"""Seconds from then on until the process ends, also if a thread hangs."""

_log = structlog.get_logger("agentbox")


def run(main: Coroutine[Any, Any, None], log: LogHandle) -> None:
    """Run it to its end, on uvloop where that exists. Raises what it raises.

    Tasks that it leaves are cancelled. Those that go on nevertheless are logged, as `left_behind`,
    and end with the process, which does not wait for them: its exit status tells of `main` alone.
    """
    runner = asyncio.Runner(loop_factory=_loop_factory())
    status = 0
    try:
        runner.run(main)
    except BaseException as error:
        status = 3 if isinstance(error, (StartError, StorageError)) else 1
        raise
    finally:
        left = runner.run(_cancel_others())
        end_after(CUT_OFF_AFTER, log, status)
        if left:
            for task in left:
                _log.error("left_behind", task=task.get_name(), where=_where(task))
            # To close the loop is to wait for them; who swallows everything swallows its end too.
            atexit.register(_exit, status, runner)
        else:
            runner.close()


def end_after(seconds: float, log: LogHandle, status: int = 1) -> None:
    """End the process after that time, whatever it is doing then, with that exit status."""
    timer = threading.Timer(seconds, _cut_off, (log, status))
    timer.daemon = True
    timer.start()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _cancel_others() -> Sequence[asyncio.Task[Any]]:
    """Those that have not ended in time."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if not others:
        return []
    for task in others:
        task.cancel()
    _, left = await asyncio.wait(others, timeout=LEFT_WITHIN)
    return sorted(left, key=lambda task: task.get_name())


def _where(task: asyncio.Task[Any]) -> Sequence[str]:
    """The coroutines that wait for each other, the innermost last."""
    places = []
    coroutine: Any = task.get_coro()
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        places.append(_place(frame))
        coroutine = coroutine.cr_await
    return places


def _cut_off(log: LogHandle, status: int) -> None:
    frames = sys._current_frames()
    threads = [
        f"{thread.name} at {_place(frames[thread.ident])}"
        for thread in threading.enumerate()
        if not thread.daemon and thread.ident in frames
    ]
    _log.error("stop_takes_too_long", threads=threads)
    log.close()
    _exit(status)


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"


def _exit(status: int, *_kept: object) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
