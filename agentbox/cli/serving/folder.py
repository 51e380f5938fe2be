"""The folder in which the workers of one server tell each other what they have counted."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

PREFIX: Final = "agentbox-readings-"

LEFT_AFTER: Final = 60.0
"""Seconds without a change after which a folder that nobody holds was left by a killed server."""

_log = structlog.get_logger("agentbox.supervisor")


@contextmanager
def folder_of_readings() -> Iterator[int | None]:
    """The descriptor of a new folder that only this user can look into, gone at the end.

    None where there is no place to write to; each worker then tells of itself alone. Whoever has
    the descriptor, workers too, holds the folder: those that nobody holds any more are taken away.
    """
    try:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            folder = _held(path)
        except OSError:
            path.rmdir()
            raise
    except OSError as error:
        _log.warning("readings_not_shared", error=str(error))
        yield None
        return
    try:
        _remove_left(path.parent)
        yield folder
    finally:
        os.close(folder)
        shutil.rmtree(path, ignore_errors=True)


def _held(path: Path) -> int:
    """A descriptor with the lock of the folder. Raises OSError if somebody else has it."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(folder)
        raise
    return folder


def _remove_left(place: Path) -> None:
    """Take away what killed servers of this user have left."""
    for path in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            state = path.lstat()
            if state.st_uid == os.getuid() and time.time() - state.st_mtime > LEFT_AFTER:
                os.close(_held(path))
                shutil.rmtree(path, ignore_errors=True)
