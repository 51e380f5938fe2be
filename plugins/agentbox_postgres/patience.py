"""How long a transaction waits for the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

REQUEST: Final = 1.5
"""Seconds that a request's transaction may wait in all, from asking for a connection to its last
statement: whoever asks is told within 2 s that the database does not answer."""

AT_ONCE: Final = 0.1
"""Seconds. A statement that is answered in less has cost no patience, so that there may be
thousands of them: what counts is waiting, not work."""

TO_COMMIT: Final = 0.4
"""Seconds that a commit has at least, however long its transaction has waited: to give up on one
is to not know whether it took place."""

LONG: Final = 30.0
"""Seconds for each step of jobs and commands, which may have much to do and nobody who waits."""


class Patience:
    """What one transaction may still wait, in seconds."""

    def __init__(self, seconds: float = REQUEST, *, at_once: float = AT_ONCE) -> None:
        self._left = seconds
        self._at_once = at_once

    @classmethod
    def long(cls) -> Patience:
        """`LONG` for each step, as often as there is one."""
        return cls(LONG, at_once=LONG)

    @property
    def to_commit(self) -> float:
        """Seconds that the commit may take."""
        return max(self._left, TO_COMMIT)

    @contextmanager
    def spent(self, free: float | None = None) -> Iterator[float]:
        """The seconds that the block may take; what it takes beyond `free` is gone afterwards."""
        begun = time.monotonic()
        try:
            yield max(self._left, 0.01)
        finally:
            took = time.monotonic() - begun
            self._left -= max(0.0, took - (self._at_once if free is None else free))
