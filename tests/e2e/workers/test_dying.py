"""Workers and supervisors that are killed."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import suppress

import psutil

from tests.e2e.test_process import call, sign_in, wait_until
from tests.e2e.workers.conftest import Servers
from tests.e2e.workers.load import Connection, HalfSent, Load, steady
from tests.e2e.workers.looking import events, gone, kill, workers_of
from tests.process import ServerProcess
from tests.scale import scaled

CALLERS = 8


def connections(server: ServerProcess) -> dict[psutil.Process, int]:
    """How many connections to the server each worker holds."""
    port = int(server.url.rpartition(":")[2])
    return {
        worker: sum(
            each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port
            for each in worker.net_connections("tcp")
        )
        for worker in workers_of(server)
    }


async def test_a_killed_worker_takes_its_own_requests_with_it_and_no_other(
    servers: Servers,
) -> None:
    server = servers.serve()
    headers = await asyncio.to_thread(sign_in, server.url)
    async with steady(server.url, headers, CALLERS) as load:
        for _ in range(scaled(3)):
            lost = len(load.lost)
            ready = len(events(server, "worker_ready"))
            holding = await asyncio.to_thread(connections, server)
            killed = max(holding, key=holding.__getitem__)
            kill(killed)
            await load.until(lambda: len(events(server, "worker_ready")) > ready)  # noqa: B023
            await load.more(CALLERS * 10)
            # Each caller has one connection, and one request at a time.
            assert 0 < len(load.lost) - lost <= holding[killed]

    assert set(load.statuses) == {200}
    assert {type(lost) for lost in load.lost} <= {
        ConnectionResetError,
        BrokenPipeError,
        asyncio.IncompleteReadError,
    }  # never refused, and none that waited in vain
    assert [line["end"] for line in events(server, "worker_died")] == ["SIGKILL"] * scaled(3)
    assert server.stop() == 0


async def test_what_waits_to_be_accepted_when_a_worker_dies_is_accepted_by_another(
    servers: Servers,
) -> None:
    server = servers.serve()
    for worker in workers_of(server):
        worker.send_signal(signal.SIGSTOP)
    connections = [Connection(server.url, {}) for _ in range(20)]
    load = Load()
    for each in connections:
        await each.open()
    killed, other = workers_of(server)
    kill(killed)
    other.send_signal(signal.SIGCONT)
    await asyncio.gather(*(load.get(each, "/healthz") for each in connections))
    for each in connections:
        each.close()

    assert load.lost == []
    assert load.statuses == {200: 20}


async def test_a_worker_that_dies_is_started_again_and_serves(servers: Servers) -> None:
    server = servers.serve()
    before = {worker.pid for worker in workers_of(server)}
    for worker in workers_of(server):
        kill(worker)
    await asyncio.to_thread(wait_until, lambda: len(events(server, "worker_ready")) == 4, "none")

    assert len(workers_of(server)) == 2
    assert not before & {worker.pid for worker in workers_of(server)}
    assert call(f"{server.url}/readyz")[0] == 200


def test_workers_without_a_supervisor_finish_what_is_in_flight_and_go(servers: Servers) -> None:
    # OP-04: in-flight requests finish, and nothing is left behind that holds the address.
    server = servers.serve()
    workers = workers_of(server)
    in_flight = HalfSent(server.url)
    server.process.send_signal(signal.SIGKILL)
    host, port = server.url.removeprefix("http://").split(":")
    wait_until(lambda: not can_connect(host, int(port)), "the address was not given back")

    assert in_flight.finish() == 200
    wait_until(lambda: all(map(gone, workers)), "orphans stay")
    assert len(events(server, "supervisor_gone")) == 2

    again = servers.serve("--port", port)  # in the same place, at once
    assert call(f"{again.url}/readyz")[0] == 200


def can_connect(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=5):
        return True
    return False
