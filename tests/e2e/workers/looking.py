"""Looking at processes and ending them, one by one."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from typing import Any

import psutil

from tests.process import ServerProcess


def workers_of(server: ServerProcess) -> list[psutil.Process]:
    """The workers that run now, the oldest first."""
    try:
        found = psutil.Process(server.pid).children()
    except psutil.NoSuchProcess:
        return []
    return sorted(found, key=lambda process: process.create_time())


def kill(process: psutil.Process) -> None:
    """With SIGKILL; no fault if it has ended."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


def gone(process: psutil.Process) -> bool:
    """Whether it has ended; somebody else's child may be a zombie until that one looks."""
    with suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def events(server: ServerProcess, name: str) -> list[dict[str, Any]]:
    """The lines of the log with that event, as far as they have come."""
    return [line for line in map(_read, list(server.lines)) if line.get("event") == name]


def _read(text: str) -> dict[str, Any]:
    """A line of the log. One that a kill has torn says nothing."""
    with suppress(json.JSONDecodeError):
        return dict(json.loads(text))
    return {}
