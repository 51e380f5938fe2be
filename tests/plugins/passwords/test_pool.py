"""Slow work is bounded: so many at a time, so many waiting, and no more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from agentbox.errors import Overloaded
from agentbox_password.memory import memory_return
from agentbox_password.pool import BoundedPool


class Gate:
    """Work that waits for the test, and knows how many are at it at once."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._inside = 0
        self.most = 0
        self.done = 0

    def work(self) -> str:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self.entered.release()
        self.open.wait(30)
        with self._lock:
            self._inside -= 1
            self.done += 1
        return "done"


@pytest.fixture
async def pool() -> AsyncIterator[BoundedPool]:
    async with BoundedPool("test", threads=2, queue=3) as opened:
        yield opened


@pytest.fixture
def gate(pool: BoundedPool) -> Gate:
    return Gate()


async def entered(gate: Gate, number: int) -> None:
    for _ in range(number):
        assert await asyncio.to_thread(gate.entered.acquire, timeout=30)


async def test_what_is_over_the_queue_is_refused_at_once(
    pool: BoundedPool, gate: Gate
) -> None:  # PW-05
    accepted = [pool.submit(gate.work) for _ in range(5)]
    for _ in range(10):
        with pytest.raises(Overloaded) as caught:
            pool.submit(gate.work)
        assert caught.value.retry_after == 1
    gate.open.set()
    assert await asyncio.gather(*accepted) == ["done"] * 5


async def test_never_more_run_at_once_than_there_are_threads(
    pool: BoundedPool, gate: Gate
) -> None:  # PW-05
    accepted = [pool.submit(gate.work) for _ in range(5)]
    await entered(gate, 2)
    gate.open.set()
    await asyncio.gather(*accepted)
    assert gate.most == 2


async def test_places_are_free_again_when_work_has_ended(pool: BoundedPool, gate: Gate) -> None:
    gate.open.set()
    for _ in range(20):
        await asyncio.gather(*(pool.submit(gate.work) for _ in range(5)))
    assert gate.done == 100


async def test_places_are_free_again_when_work_has_failed(pool: BoundedPool) -> None:
    def fail() -> None:
        raise LookupError("no")

    for _ in range(20):
        with pytest.raises(LookupError):
            await pool.submit(fail)


async def test_a_cancelled_request_keeps_its_place_while_its_thread_works(
    pool: BoundedPool, gate: Gate
) -> None:  # PW-05
    running = [asyncio.ensure_future(pool.submit(gate.work)) for _ in range(2)]
    await entered(gate, 2)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    waiting = [pool.submit(gate.work) for _ in range(3)]
    with pytest.raises(Overloaded):
        pool.submit(gate.work)
    gate.open.set()
    await asyncio.gather(*waiting)
    assert gate.most == 2


async def test_a_cancelled_request_that_waits_gives_its_place_back_at_once(
    pool: BoundedPool, gate: Gate
) -> None:
    running = [pool.submit(gate.work) for _ in range(2)]
    await entered(gate, 2)
    waiting = [pool.submit(gate.work) for _ in range(3)]
    for future in waiting:
        future.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.sleep(0)  # one turn of the loop, in which futures tell each other
    again = [pool.submit(gate.work) for _ in range(3)]
    gate.open.set()
    await asyncio.gather(*running, *again)
    assert gate.done == 5


async def test_closing_waits_for_what_runs_and_drops_what_waits(gate: Gate) -> None:
    async with BoundedPool("test", threads=1, queue=3) as pool:
        running = pool.submit(gate.work)
        waiting = [pool.submit(gate.work) for _ in range(3)]
        await entered(gate, 1)
        waiting[-1].add_done_callback(lambda _: gate.open.set())
    assert await running == "done"
    for future in waiting:
        with pytest.raises(asyncio.CancelledError):
            await future


async def test_its_threads_are_named(pool: BoundedPool) -> None:
    name = await pool.submit(lambda: threading.current_thread().name)
    assert name.startswith("test")


async def test_memory_is_given_back_once_it_has_been_quiet() -> None:
    # PW-05: the memory of hashes does not stay.
    order: list[str] = []
    given_back = threading.Event()

    def give_back() -> None:
        order.append("given back")
        given_back.set()

    async with BoundedPool("test", 1, 4, after_quiet=give_back, quiet=0.0) as pool:
        await pool.submit(order.append, "worked")
        await asyncio.to_thread(given_back.wait, 5)
    assert order == ["worked", "given back"]


def test_giving_memory_back_is_harmless_anywhere() -> None:
    memory_return()()
