"""Gives the memory of hashing back to the system, where the C library can."""

from __future__ import annotations

import ctypes
from collections.abc import Callable


def memory_return() -> Callable[[], object]:
    """A function that gives freed memory back; it does nothing where there is no such call.

    glibc keeps the blocks of the last hashes (as many as threads, `memory_kib` each), which makes
    the next ones a third faster, and would keep them for good.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # macOS, musl, Windows
        return lambda: None
    return lambda: trim(0)
