"""All workers are taken out of service, or replaced, under load."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys

from tests.e2e.test_process import call, sign_in, wait_until
from tests.e2e.workers.conftest import Servers
from tests.e2e.workers.load import ME, Connection, HalfSent, Load, steady
from tests.e2e.workers.looking import events, workers_of
from tests.scale import scaled

CALLERS = 8
AFTER = 25


async def call_until_told_and_on(url: str, headers: dict[str, str], load: Load) -> None:
    """Calls until readiness is gone, as a balancer notices it, and some more, as it is late."""
    connection = Connection(url, headers)
    left = scaled(AFTER)
    while left:
        await load.get(connection)
        left -= (await connection.get("/readyz")).status == 503
    connection.close()


async def test_sigterm_under_load_on_kept_connections_loses_nothing(servers: Servers) -> None:
    # OP-04: of two workers at one address no request fails, then status 0.
    server = servers.serve(AGENTBOX_SERVER__DRAIN_DELAY="60s")
    headers = await asyncio.to_thread(sign_in, server.url)
    load = Load()
    async with asyncio.TaskGroup() as calling:
        for _ in range(CALLERS):
            calling.create_task(call_until_told_and_on(server.url, headers, load))
        await load.more(CALLERS * 10)
        server.process.send_signal(signal.SIGTERM)

    assert load.lost == []
    assert set(load.statuses) == {200}
    assert load.statuses.total() >= CALLERS * (scaled(AFTER) + 10)
    assert await asyncio.to_thread(server.stop, signal.SIGTERM) == 0  # the second ends the delay
    assert len(events(server, "draining")) == 2
    assert {line["seconds"] for line in events(server, "draining")} == {60.0}


def test_requests_in_flight_finish_whoever_has_them(servers: Servers) -> None:
    # OP-04: in-flight requests finish.
    server = servers.serve()
    in_flight = [HalfSent(server.url) for _ in range(6)]
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: len(events(server, "draining")) == 2, "not draining")

    assert [each.finish() for each in in_flight] == [200] * 6
    assert server.wait() == 0


def test_a_signal_to_all_of_them_counts_once(servers: Servers) -> None:
    # As from systemd, which tells the whole group: the delay is not cut short by that.
    server = servers.serve(AGENTBOX_SERVER__DRAIN_DELAY="60s")
    workers = workers_of(server)
    workers[0].send_signal(signal.SIGTERM)  # before the supervisor's word
    server.wait_for('"draining"')
    server.process.send_signal(signal.SIGTERM)
    server.wait_for('"draining"')
    for worker in workers:  # and after it
        worker.send_signal(signal.SIGTERM)

    assert {call(f"{server.url}/readyz")[0] for _ in range(20)} == {503}
    assert {call(f"{server.url}{ME}")[0] for _ in range(20)} == {401}
    assert server.stop(signal.SIGTERM) == 0


def test_ctrl_c_on_a_terminal_stops_all_without_the_delay(servers: Servers) -> None:
    # OP-04: the terminal's signal reaches the group of the supervisor, which passes it on.
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL],
        cwd=servers.folder,
        env=servers.environment(AGENTBOX_SERVER__DRAIN_DELAY="60s"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while b"listening" not in shown:
            shown += os.read(ours, 65536)
        os.write(ours, b"\x03")
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


# The terminal becomes the one that controls this process and what it becomes.
ON_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "agentbox", "serve", "--port", "0",
                          "--workers", "2"])
"""


async def test_a_renewal_under_load_on_kept_connections_loses_nothing(servers: Servers) -> None:
    # OP-04: new workers before the old ones go; the address is ready throughout.
    server = servers.serve()
    headers = await asyncio.to_thread(sign_in, server.url)
    before = {worker.pid for worker in workers_of(server)}
    ready = Load()
    async with steady(server.url, headers, CALLERS) as load:
        async with asyncio.TaskGroup() as asking:
            probing = asking.create_task(probe(server.url, ready))
            for number in range(scaled(2)):
                server.process.send_signal(signal.SIGHUP)
                await load.until(lambda: len(events(server, "renewed")) > number)  # noqa: B023
            await load.more(CALLERS * 10)
            probing.cancel()

    assert load.lost == []
    assert set(load.statuses) == {200}
    assert ready.lost == []
    assert set(ready.statuses) == {200}
    assert not before & {worker.pid for worker in workers_of(server)}
    assert server.stop() == 0


async def probe(url: str, load: Load) -> None:
    connection = Connection(url, {})
    try:
        while True:
            await load.get(connection, "/readyz")
            await asyncio.sleep(0.01)
    finally:
        connection.close()


async def test_a_retired_worker_answers_on_its_connections_and_asks_to_close(
    servers: Servers,
) -> None:
    server = servers.serve(AGENTBOX_SERVER__DRAIN_DELAY="60s")
    connections = [Connection(server.url, {}) for _ in range(8)]
    for each in connections:
        assert (await each.get("/healthz")).status == 200
    server.process.send_signal(signal.SIGHUP)
    await asyncio.to_thread(server.wait_for, '"retiring"')
    of_the_old = [await each.get("/readyz") for each in connections]
    closing = [answer for answer in of_the_old if answer.headers.get("connection") == "close"]
    for each in connections:
        each.close()

    assert {answer.status for answer in of_the_old} == {200}
    assert closing
    await asyncio.to_thread(server.wait_for, '"renewed"')  # nobody waits for the whole delay
    assert server.stop(signal.SIGINT) == 0


async def test_a_renewal_that_fails_leaves_the_old_workers_where_they_are(servers: Servers) -> None:
    settings = servers.folder / "agentbox.toml"
    settings.write_text("")
    server = servers.serve()
    before = {worker.pid for worker in workers_of(server)}
    settings.write_text("[server]\nlog_level = 'loud'\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("renewal_failed")

    assert {worker.pid for worker in workers_of(server)} == before
    assert call(f"{server.url}/readyz")[0] == 200
    assert "".join(server.lines).count("log_level") == 1

    settings.write_text("[server]\naccess_log = false\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for('"renewed"')
    requests = len(events(server, "request"))
    call(f"{server.url}{ME}")
    assert server.stop() == 0
    assert len(events(server, "request")) == requests


def test_sighup_is_nothing_to_a_worker(servers: Servers) -> None:
    server = servers.serve()
    worker = workers_of(server)[0]
    worker.send_signal(signal.SIGHUP)
    worker.send_signal(signal.SIGTERM)
    server.wait_for('"draining"')

    assert server.stop() == 0
