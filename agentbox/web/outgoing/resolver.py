"""Names of other servers, looked up in threads of their own."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import Future
from threading import Thread
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

AT_ONCE: Final = 32
"""Names that are looked up at a time; further ones wait. The connector asks once for all requests
to one server, so that one whose name hangs takes one of them."""


class Resolver(AbstractResolver):
    """Asks the system, as aiohttp's own does, but not in the threads of the event loop: those do
    other work too, and all of it would wait with names whose servers are silent for half a minute.

    Nobody waits for its threads at the end: what is asked then is of no use any more.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises `OSError` where there are none."""
        async with self._free:
            found: Future[list[ResolveResult]] = Future()
            found.set_running_or_notify_cancel()  # it ends by itself, whoever gives up
            asked = (found, host, port, family)
            Thread(target=_look_up, args=asked, name="agentbox-names", daemon=True).start()
            return await asyncio.wrap_future(found)

    async def close(self) -> None:
        """Nothing is held that does not end by itself."""


def _look_up(
    found: Future[list[ResolveResult]], host: str, port: int, family: socket.AddressFamily
) -> None:
    try:
        listed = socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        result = [
            ResolveResult(
                hostname=host,
                host=_numeric(address),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in listed
        ]
    except (OSError, ValueError) as error:
        found.set_exception(error)
    else:
        found.set_result(result)


def _numeric(address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> str:
    """With the interface of a link-local address, as in `fe80::1%eth0`."""
    return socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
