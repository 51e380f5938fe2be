"""The callback of a sign-in elsewhere is a GET that changes something: no balancer repeats it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from yarl import URL

from tests.deployment.proxies import Proxy, haproxy, nginx
from tests.deployment.shipped import HOST, free_ports

READY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CALLBACK = "/api/v1/auth/google/callback?state=x&code=y"


class Dying:
    """Replicas that read a request to its end and die before they answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.partition(b"\r\n")[0].decode().split(" ")
            if target == "/readyz":
                writer.write(READY)
                await writer.drain()
            else:
                self.asked.append(f"{method} {target}")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Scene(NamedTuple):
    """A balancer in front of them."""

    proxy: Proxy
    dying: Dying

    async def ask(self, method: str, target: str) -> int:
        """How the balancer answers."""
        url = URL(f"https://127.0.0.1:{self.proxy.port}{target}", encoded=True)
        options = {"ssl": self.proxy.tls, "server_hostname": HOST, "headers": {"Host": HOST}}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, **options) as answer,
        ):
            return answer.status


Balancer = Callable[[Path, Sequence[int]], AbstractContextManager[Proxy]]


@pytest.fixture(params=[haproxy, nginx], ids=["haproxy", "nginx"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    """Each of the shipped files, with three such replicas."""
    dying, ports = Dying(), free_ports(3)
    balancer: Balancer = request.param
    async with AsyncExitStack() as servers:
        for port in ports:
            server = await asyncio.start_server(dying.serve, "127.0.0.1", port)
            await servers.enter_async_context(server)
        with ExitStack() as proxies:
            enter = proxies.enter_context
            yield Scene(await asyncio.to_thread(enter, balancer(tmp_path, ports)), dying)


async def test_what_changes_nothing_is_asked_of_another_replica(scene: Scene) -> None:
    assert await scene.ask("GET", "/api/v1/auth/me") == 502

    assert len(scene.dying.asked) > 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_callback_is_sent_once(scene: Scene, method: str) -> None:
    assert await scene.ask(method, CALLBACK) == 502

    assert scene.dying.asked == [f"{method} {CALLBACK}"]


async def test_no_line_of_the_balancer_has_the_code(scene: Scene) -> None:
    # OB-01
    assert await scene.ask("GET", CALLBACK) == 502

    line = await asyncio.to_thread(scene.proxy.wait_for, "/api/v1/auth/google/callback")
    assert "state=" not in line
    assert "code=" not in line
