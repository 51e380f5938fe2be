"""What a measured server would not have to walk: the garbage collector, and what tests leave."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def passed_over() -> Iterator[None]:
    """The collector passes over all that is there by now, as `agentbox serve` has it do.

    The objects of a whole test run are many times those of a server; a collection that comes while
    something is measured takes as long as what is measured.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
