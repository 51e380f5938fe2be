"""The folder in which the workers of one server tell each other what they have counted."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

_log = structlog.get_logger("agentbox.supervisor")


@contextmanager
def folder_of_readings() -> Iterator[int | None]:
    """The descriptor of a new folder that only this user can look into, gone at the end.

    None where there is no place to write to; each worker then tells of itself alone.
    """
    try:
        path = tempfile.mkdtemp(prefix="agentbox-readings-")
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        _log.warning("readings_not_shared", error=str(error))
        yield None
        return
    try:
        yield folder
    finally:
        os.close(folder)
        shutil.rmtree(path, ignore_errors=True)
