"""Names of other servers are looked up where nobody else waits."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import web

from agentbox.errors import OutboundFailed
from agentbox.web.outgoing.client import OutgoingHttp
from agentbox.web.outgoing.resolver import AT_ONCE, Resolver
from tests.openid.answers import of_json
from tests.openid.fake_provider import listening


class Hanging:
    """Names below `silent.test`, whose servers say nothing until they are told to."""

    def __init__(self) -> None:
        self._system = socket.getaddrinfo
        self._go_on = threading.Event()
        self.asked: list[str] = []
        self.threads: list[threading.Thread] = []

    def getaddrinfo(self, host: Any, *args: Any, **options: Any) -> Any:
        if not str(host).endswith("silent.test"):
            return self._system(host, *args, **options)
        self.asked.append(host)
        self.threads.append(threading.current_thread())
        self._go_on.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    def end(self) -> None:
        self._go_on.set()

    async def are_asked(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.asked) < count:
                await asyncio.sleep(0.01)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    """Ended with the test."""
    names = Hanging()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    yield names
    names.end()


@pytest.fixture
async def http() -> AsyncIterator[OutgoingHttp]:
    """On a loop that has a single thread for all its other work."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with OutgoingHttp.opened() as opened:
        yield opened


async def asked(http: OutgoingHttp, name: str, deadline: float = 5.0) -> str:
    """The word for why nothing came of it."""
    with pytest.raises(OutboundFailed) as failure:
        await http.to([f"https://{name}"]).get(f"https://{name}/", deadline=deadline)
    return failure.value.reason


async def test_a_name_that_hangs_holds_up_no_other_work(
    hanging: Hanging, http: OutgoingHttp
) -> None:  # OA-11
    waiting = [asyncio.create_task(asked(http, f"{n}.silent.test")) for n in range(6)]
    await hanging.are_asked(6)
    async with asyncio.timeout(5):
        await asyncio.to_thread(lambda: None)

    assert not any(task.done() for task in waiting)
    hanging.end()
    assert await asyncio.gather(*waiting) == ["connection"] * 6


async def test_names_that_hang_hold_up_no_other_name(
    hanging: Hanging, http: OutgoingHttp
) -> None:  # OA-11
    async def answer(request: web.Request) -> web.StreamResponse:
        return await of_json({"a": 1})(request)

    waiting = [asyncio.create_task(asked(http, f"{n}.silent.test")) for n in range(6)]
    await hanging.are_asked(6)
    async with listening(answer) as port:
        origin = f"http://localhost:{port}"
        found = (await http.to([origin]).get(origin)).body

    assert found == {"a": 1}
    assert not any(task.done() for task in waiting)
    hanging.end()
    await asyncio.gather(*waiting)


async def test_a_name_is_asked_for_once_however_many_wait(
    hanging: Hanging, http: OutgoingHttp
) -> None:
    found = await asyncio.gather(*(asked(http, "one.silent.test", 0.3) for _ in range(20)))
    again = await asked(http, "one.silent.test", 0.1)
    await hanging.are_asked(1)

    assert {*found, again} == {"timeout"}
    assert hanging.asked == ["one.silent.test"]


async def test_no_more_names_than_that_are_asked_for_at_a_time(
    hanging: Hanging, http: OutgoingHttp
) -> None:
    names = [f"{n}.silent.test" for n in range(AT_ONCE + 3)]
    waiting = [asyncio.create_task(asked(http, name, 60)) for name in names]
    await hanging.are_asked(AT_ONCE)
    await asyncio.to_thread(lambda: None)
    at_once = len(hanging.asked)
    hanging.end()
    await asyncio.gather(*waiting)

    assert at_once == AT_ONCE
    assert sorted(hanging.asked) == sorted(names)


async def test_a_name_that_hangs_does_not_hold_up_the_end(hanging: Hanging) -> None:
    async with OutgoingHttp.opened() as http:
        waiting = asyncio.create_task(asked(http, "one.silent.test", 0.1))
        await hanging.are_asked(1)
        assert await waiting == "timeout"
    (thread,) = hanging.threads

    assert thread.is_alive()
    assert thread.daemon
    hanging.end()
    await asyncio.to_thread(thread.join)


async def test_what_is_no_name_is_refused_and_holds_up_nothing() -> None:
    resolver = Resolver()
    for _ in range(AT_ONCE + 1):
        with pytest.raises(ValueError):
            await resolver.resolve(f"{'a' * 64}.test")
