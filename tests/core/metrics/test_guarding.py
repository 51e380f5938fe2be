"""A plugin that goes on although it was cancelled holds up nobody, and is not begun twice."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from agentbox.core.metrics import guarding as module
from agentbox.core.metrics.guarding import FAILURES, Guard
from agentbox.loader.isolation import Failure
from tests.core.metrics.parts import Stubborn
from tests.core.world import ManualClock

SHORT = 0.02
LONG = 30.0


@pytest.fixture
async def stubborn() -> Any:
    one = Stubborn()
    yield one
    one.let_go.set()


# PL-06
async def test_what_swallows_its_cancellation_has_failed_once_its_time_is_over(
    clock: ManualClock, stubborn: Stubborn
) -> None:
    async with asyncio.timeout(10):
        answer = await Guard(clock, SHORT).call(stubborn)

    assert isinstance(answer, Failure)
    assert isinstance(answer.error, TimeoutError)


async def test_nothing_is_begun_while_what_was_cancelled_goes_on(
    clock: ManualClock, stubborn: Stubborn
) -> None:
    guard = Guard(clock, SHORT)
    async with asyncio.timeout(10):
        answers = [await guard.call(stubborn) for _ in range(FAILURES)]

    assert stubborn.begun == 1
    assert all(isinstance(answer, Failure) for answer in answers)
    assert guard.open_for > 0


async def test_it_is_asked_again_once_that_has_ended(
    clock: ManualClock, stubborn: Stubborn
) -> None:
    guard = Guard(clock, SHORT)
    async with asyncio.timeout(10):
        await guard.call(stubborn)
        stubborn.let_go.set()
        guard._patience = LONG
        answer = await guard.call(stubborn)

    assert (stubborn.begun, answer) == (2, "done")


async def test_what_ends_when_it_is_cancelled_is_asked_again_at_once(clock: ManualClock) -> None:
    begun = 0

    async def hang_first() -> str:
        nonlocal begun
        begun += 1
        if begun == 1:
            await asyncio.Event().wait()
        return "done"

    guard = Guard(clock, SHORT)
    async with asyncio.timeout(10):
        late = await guard.call(hang_first)
        guard._patience = LONG
        answer = await guard.call(hang_first)

    assert isinstance(late, Failure)
    assert answer == "done"


@pytest.mark.parametrize("error", [OSError("late"), SystemExit(1), asyncio.CancelledError()])
async def test_what_it_raises_at_last_is_nobodys_business(
    clock: ManualClock, error: BaseException
) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    stubborn = Stubborn(error)
    guard = Guard(clock, SHORT)
    async with asyncio.timeout(10):
        await guard.call(stubborn)
        stubborn.let_go.set()
        while guard._left:
            await asyncio.sleep(0)
    gc.collect()

    assert told == []


async def test_a_cancellation_of_ours_waits_for_what_clears_up(clock: ManualClock) -> None:
    begun, cleared = asyncio.Event(), asyncio.Event()

    async def clear_up() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleared.set()

    calling = asyncio.create_task(Guard(clock, LONG).call(clear_up))
    await begun.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling

    assert cleared.is_set()


async def test_a_cancellation_of_ours_does_not_wait_for_ever(
    clock: ManualClock, stubborn: Stubborn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLEARS_UP_WITHIN", SHORT)
    calling = asyncio.create_task(Guard(clock, LONG).call(stubborn))
    while not stubborn.begun:
        await asyncio.sleep(0)
    calling.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await calling

    assert stubborn.cancelled == 1
