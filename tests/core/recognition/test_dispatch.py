"""Awaiting plugins: what passes, what becomes 503, deadline and breaker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentbox.core.counters import Counters
from agentbox.core.recognition.dispatch import FAILURES_TO_OPEN, OPEN_FOR, Dispatcher
from agentbox.errors import (
    AuthenticatorUnavailable,
    InvalidCredential,
    LoginFailed,
    Overloaded,
    StorageError,
)
from tests.core.world import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def dispatcher(clock: ManualClock, counters: Counters) -> Dispatcher:
    return Dispatcher(clock, counters)


def raising(error: BaseException) -> Callable[[], Awaitable[str]]:
    async def method() -> str:
        raise error

    return method


def giving(answer: Any) -> Callable[[], Awaitable[Any]]:
    async def method() -> Any:
        return answer

    return method


async def fail(dispatcher: Dispatcher, name: str = "p", times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(AuthenticatorUnavailable):
            await dispatcher.call(name, raising(ValueError()), gives=str)


async def test_an_answer_of_the_right_kind_passes(dispatcher: Dispatcher) -> None:
    assert await dispatcher.call("p", giving("yes"), gives=str) == "yes"


# PL-02
@pytest.mark.parametrize(
    "error",
    [ValueError("x"), SystemExit(3), asyncio.CancelledError(), RecursionError(), MemoryError()],
    ids=repr,
)
async def test_whatever_a_plugin_raises_is_unavailability(
    dispatcher: Dispatcher, counters: Counters, error: BaseException
) -> None:
    with pytest.raises(AuthenticatorUnavailable):
        await dispatcher.call("p", raising(error), gives=str)

    assert counters.value("plugin_failures.p") == 1


async def test_a_method_that_raises_before_it_is_awaited_is_no_different(
    dispatcher: Dispatcher,
) -> None:
    def method() -> Awaitable[str]:
        raise SystemExit(3)

    with pytest.raises(AuthenticatorUnavailable):
        await dispatcher.call("p", method, gives=str)


async def test_a_method_that_gives_nothing_to_await_is_broken(dispatcher: Dispatcher) -> None:
    with pytest.raises(AuthenticatorUnavailable):
        await dispatcher.call("p", lambda: "yes", gives=str)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("answer", [None, True, b"yes", {"yes": 1}], ids=repr)
async def test_an_answer_of_another_kind_is_unavailability(
    dispatcher: Dispatcher, answer: Any
) -> None:
    with pytest.raises(AuthenticatorUnavailable):
        await dispatcher.call("p", giving(answer), gives=str)


@pytest.mark.parametrize("error", [Overloaded(), StorageError("gone")], ids=repr)
async def test_problems_and_storage_errors_pass(
    dispatcher: Dispatcher, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        await dispatcher.call("p", raising(error), gives=str)


async def test_a_refusal_passes_where_it_is_expected(dispatcher: Dispatcher) -> None:
    with pytest.raises(LoginFailed):
        await dispatcher.call("p", raising(LoginFailed("x")), gives=str, refusals=(LoginFailed,))


async def test_a_refusal_of_another_ability_is_unavailability(dispatcher: Dispatcher) -> None:
    with pytest.raises(AuthenticatorUnavailable):
        await dispatcher.call(
            "p", raising(LoginFailed("x")), gives=str, refusals=(InvalidCredential,)
        )


# PL-03: the deadline and the breaker
async def test_a_method_that_hangs_ends_at_its_deadline(dispatcher: Dispatcher) -> None:
    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    with pytest.raises(AuthenticatorUnavailable):
        await dispatcher.call("p", hang, gives=str, deadline=0.01)


async def test_a_cancellation_by_the_caller_stays_one(dispatcher: Dispatcher) -> None:
    begun = asyncio.Event()

    async def hang() -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    task = asyncio.create_task(dispatcher.call("p", hang, gives=str))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_after_five_failures_the_plugin_is_left_alone(dispatcher: Dispatcher) -> None:
    await fail(dispatcher, times=FAILURES_TO_OPEN)
    asked: list[str] = []

    async def method() -> str:
        asked.append("asked")
        return "yes"

    with pytest.raises(AuthenticatorUnavailable) as refused:
        await dispatcher.call("p", method, gives=str)

    assert (asked, refused.value.retry_after) == ([], 5)


async def test_five_answers_of_the_wrong_kind_open_the_breaker_too(
    dispatcher: Dispatcher, counters: Counters
) -> None:
    for _ in range(FAILURES_TO_OPEN + 1):
        with pytest.raises(AuthenticatorUnavailable):
            await dispatcher.call("p", giving(True), gives=str)

    assert counters.value("plugin_failures.p") == FAILURES_TO_OPEN


async def test_the_breaker_closes_after_its_time(
    dispatcher: Dispatcher, clock: ManualClock
) -> None:
    await fail(dispatcher, times=FAILURES_TO_OPEN)
    clock.move(OPEN_FOR)

    assert await dispatcher.call("p", giving("yes"), gives=str) == "yes"


async def test_a_success_in_between_starts_the_count_anew(dispatcher: Dispatcher) -> None:
    await fail(dispatcher, times=FAILURES_TO_OPEN - 1)
    await dispatcher.call("p", giving("yes"), gives=str)
    await fail(dispatcher, times=FAILURES_TO_OPEN - 1)

    assert await dispatcher.call("p", giving("yes"), gives=str) == "yes"


async def test_one_plugins_breaker_is_not_another_ones(dispatcher: Dispatcher) -> None:
    await fail(dispatcher, "broken", times=FAILURES_TO_OPEN)

    assert await dispatcher.call("whole", giving("yes"), gives=str) == "yes"


async def test_time_outs_of_a_process_that_stood_still_do_not_open_the_breaker(
    dispatcher: Dispatcher, clock: ManualClock, counters: Counters
) -> None:
    async def pause() -> str:
        clock.move(60)  # the machine was suspended meanwhile
        raise TimeoutError

    for _ in range(FAILURES_TO_OPEN + 1):
        with pytest.raises(AuthenticatorUnavailable):
            await dispatcher.call("p", pause, gives=str)
    assert await dispatcher.call("p", giving("yes"), gives=str) == "yes"
    assert counters.value("plugin_failures") == 0
