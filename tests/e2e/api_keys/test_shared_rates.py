"""The rate of a key over several servers on one database, and over their restarts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.people import People, Template
from tests.live import Live, ShiftedClock, live_server
from tests.scale import scaled


class StillClock(ShiftedClock):
    """Stands still between two moves, whatever is measured: so the time of each use is known."""

    def __init__(self) -> None:
        super().__init__()
        self._began = super().now(), super().monotonic()

    def now(self) -> datetime:
        return self._began[0] + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return self._began[1] + self.ahead


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def both(live: Live, tmp_path: Path, clock: StillClock) -> AsyncIterator[tuple[Live, Live]]:
    """Two servers on one database."""
    async with live_server(tmp_path, clock=clock) as other:
        yield live, other


async def passed(live: Live, key: str, times: int) -> int:
    """How many of so many uses at the same time get through."""
    caller = live.with_key(key)
    answers = await asyncio.gather(*(caller.get("/auth/me") for _ in range(times)))
    assert {answer.status for answer in answers} <= {200, 429}
    return [answer.status for answer in answers].count(200)


# AK-05
@pytest.mark.parametrize("rate", [(7, "second"), (20, "minute"), (300, "hour")], ids=str)
async def test_no_span_of_the_period_holds_more_on_two_servers_together(
    both: tuple[Live, Live], people: People, clock: StillClock, rate: tuple[int, str]
) -> None:
    number, period = rate
    seconds = {"second": 1, "minute": 60, "hour": 3600}[period]
    key = await people.user.key(rate_limit=f"{number}/{period}")
    chance, used = random.Random(5), list[tuple[float, int]]()
    for _ in range(scaled(40)):
        clock.advance(chance.expovariate(12 / seconds))
        sizes = [chance.randrange(1, number // 4 + 2) for _ in both]
        got = await asyncio.gather(
            *(passed(live, key, times) for live, times in zip(both, sizes, strict=True))
        )
        used.append((clock.monotonic(), sum(got)))

    spans = [sum(n for other, n in used if at <= other < at + seconds) for at, _ in used]
    assert 0.9 * number <= max(spans) <= number


async def test_what_one_server_has_allowed_the_other_refuses_for_as_long(
    both: tuple[Live, Live], people: People, clock: StillClock
) -> None:
    # AK-05
    first, second = both
    key = await people.user.key(rate_limit="5/minute")
    assert await passed(first, key, 5) == 5
    clock.advance(10)
    refused = await second.with_key(key).get("/auth/me")

    assert (refused.status, refused.error) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "50"
    clock.advance(50)
    assert await passed(second, key, 9) == 5


async def test_a_restart_gives_nothing_back(
    template: Template, tmp_path: Path, clock: StillClock
) -> None:
    # AK-05
    template.copy_to(tmp_path)
    async with live_server(tmp_path, clock=clock) as live:
        key = await People(live, template).user.key(rate_limit="5/hour")
        assert await passed(live, key, 3) == 3
    async with live_server(tmp_path, clock=clock) as live:
        assert await passed(live, key, 9) == 2
