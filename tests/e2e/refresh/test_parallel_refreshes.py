"""One refresh token used by many at once: one lineage goes on.

At scale 1 these are 30 rounds of 20 at once; at scale 10 they are 300 rounds of 110.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.people import People
from tests.e2e.refresh.families import Tokens, begin, go_on, is_dead, refresh
from tests.live import ADMIN_PASSWORD, Answer, Live, live_server
from tests.scale import SCALE, scaled

AT_ONCE = 10 + 10 * SCALE


async def all_at_once(live: Live, token: str) -> list[Answer]:
    return await asyncio.gather(*(refresh(live, token) for _ in range(AT_ONCE)))


# RT-03
async def test_exactly_one_lineage_goes_on(live: Live, people: People) -> None:
    token = (await begin(live, people.user.username)).refresh
    for _ in range(scaled(30)):
        answers = await all_at_once(live, token)
        successors = {answer.body["refresh_token"] for answer in answers}
        living = [each for each in successors if (await refresh(live, each)).status == 200]

        assert {answer.status for answer in answers} == {200}
        assert len(living) == 1
        token = (await go_on(live, living[0])).refresh


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Live]:
    """A server without a grace."""
    async with live_server(tmp_path, environ={"AGENTBOX_TOKENS__REFRESH_GRACE": "0"}) as live:
        yield live


# RT-03: without a grace all but the first are reuse, so that nobody goes on
async def test_without_a_grace_one_is_answered_and_the_family_ends(strict: Live) -> None:
    for _ in range(scaled(3)):
        token = (await begin(strict, "admin", ADMIN_PASSWORD)).refresh
        answers = await all_at_once(strict, token)
        good = [answer for answer in answers if answer.status == 200]

        assert len(good) == 1
        assert {answer.error for answer in answers} == {None, "invalid_grant"}
        assert await is_dead(strict, Tokens.of(good[0]))


# RT-02: whoever is faster, thief or owner, in the end nobody has the session
async def test_a_replay_beside_the_newest_token_leaves_neither(
    strict: Live,
) -> None:
    for _ in range(scaled(3)):
        first = await begin(strict, "admin", ADMIN_PASSWORD)
        second = await go_on(strict, first.refresh)
        replayed, newest = await asyncio.gather(
            refresh(strict, first.refresh), refresh(strict, second.refresh)
        )

        assert replayed.error == "invalid_grant"
        last = Tokens.of(newest) if newest.status == 200 else second
        assert await is_dead(strict, last)
