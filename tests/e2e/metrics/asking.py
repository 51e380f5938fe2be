"""How long requests take, and whether that is as long as before."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.live import Caller
from tests.scale import SCALE


async def ask(caller: Caller, times: int) -> list[float]:
    """Seconds that each of so many requests took."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        answer = await caller.get("/auth/me")
        took.append(time.perf_counter() - began)
        assert answer.status == 200
    return took


def unchanged(times: Sequence[float], before: Sequence[float]) -> bool:
    """At most twice as long, or 20 ms more: at scale 10 p99, and at scale 1 the median, which
    depends less on what else the machine does."""
    share = 0.5 if SCALE == 1 else 0.99
    now, then = (sorted(each)[int(len(each) * share)] for each in (times, before))
    print(f"{len(times)} requests: {now * 1000:.1f} ms, {then * 1000:.1f} ms before")
    return now <= max(2 * then, then + 0.02)
