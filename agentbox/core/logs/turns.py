"""Turns at writing, for processes that write to one stream."""

from __future__ import annotations

import fcntl
import time
from types import TracebackType
from typing import Final

_PATIENCE: Final = 1.0
_STEP: Final = 0.005


class Turns:
    """A context in which the process that is in it writes alone.

    A write to a pipe of more than its capacity (or than 4 KiB, while others write) is not one
    piece, and lines of two processes would be mixed. The lock is of POSIX: it belongs to the
    process and goes when it dies. Who waits longer than a second, because another one was frozen
    while it wrote, goes on without: a torn line is better than none.
    """

    def __init__(self, descriptor: int) -> None:
        """`descriptor` is of a file that all of them have open for writing."""
        self._descriptor = descriptor

    def __enter__(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._taken() and time.monotonic() < deadline:
            time.sleep(_STEP)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _taken(self) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
