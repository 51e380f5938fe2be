"""Sends structlog's and the standard library's events to one queue."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, NoReturn, TextIO

import structlog

from agentbox.config.schema import Settings
from agentbox.core.logs.lines import Render, console_line, json_line
from agentbox.core.logs.queue import LogHandle
from agentbox.errors import AgentboxError

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(
    settings: Settings,
    stream: TextIO | None = None,
    *,
    bound: Mapping[str, Any] | None = None,
    turn: AbstractContextManager[Any] | None = None,
) -> LogHandle:
    """Send all logging to `stream` (standard error), as `[server] log_format` and `log_level` say.

    Every line gets the values in `bound`. Where other processes write to the stream too, `turn` is
    a context in which only one of them is at a time, such as `Turns`.

    Call it once, before anything logs; `close()` on the handle writes what is waiting and leaves
    logging as it was.
    """
    stream = stream or sys.stderr
    render = _renderer(settings.server.log_format, stream)
    handle = LogHandle(stream, render, bound=bound, turn=turn)
    level = _LEVELS[settings.server.log_level]
    _send_structlog(handle, level)
    handle.undo = _send_standard(handle, level)
    return handle


def _renderer(wanted: str, stream: TextIO) -> Render:
    terminal = stream.isatty()
    if wanted == "console" or (wanted == "auto" and terminal):
        return partial(console_line, colour=terminal)
    return json_line


def _send_structlog(handle: LogHandle, level: int) -> None:
    def send(logger: str, method: str, values: MutableMapping[str, Any]) -> NoReturn:
        raised = values.pop("exc_info", None)
        name = "error" if method in {"exception", "critical", "fatal"} else method
        handle.event(
            {
                "time": time.time(),
                "level": "warning" if name == "warn" else name,
                "event": values.pop("event", ""),
                "logger": logger,
                **values,
                **_exception(raised),
            }
        )
        raise structlog.DropEvent  # it is on its way; nothing more to do

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, send],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_name,
        cache_logger_on_first_use=False,
    )


def _name(name: str = "agentbox") -> str:
    """The "logger" behind structlog is its name: all the work is done by the processor."""
    return name


class _ToQueue(logging.Handler):
    """Takes the standard library's records: those of aiohttp, asyncio and other libraries."""

    def __init__(self, handle: LogHandle) -> None:
        super().__init__()
        self._handle = handle

    def emit(self, record: logging.LogRecord) -> None:
        self._handle.event(
            {
                "time": record.created,
                "level": record.levelname.lower(),
                "event": record.getMessage(),
                "logger": record.name,
                **_exception(record.exc_info),
            }
        )


def _send_standard(handle: LogHandle, level: int) -> partial[None]:
    root, handler = logging.getLogger(), _ToQueue(handle)
    before = root.level
    root.addHandler(handler)
    # Libraries are verbose below their warnings, and what they say then is not checked by us.
    root.setLevel(max(level, logging.WARNING))
    return partial(_undo, handler, before)


def _undo(handler: logging.Handler, level: int) -> None:
    logging.getLogger().removeHandler(handler)
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def _exception(info: Any) -> dict[str, str]:
    """Class and stack; the message only of our own exceptions: others may quote a secret."""
    if info is True:
        info = sys.exc_info()
    raised = info if isinstance(info, BaseException) else (info or (None, None))[1]
    if raised is None:
        return {}
    described = {
        "exception": type(raised).__name__,
        "stack": "".join(traceback.format_tb(raised.__traceback__)),
    }
    if isinstance(raised, AgentboxError):
        described["detail"] = str(raised)
    return described
