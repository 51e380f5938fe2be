"""Several processes on one socket: how they start, and what stops the start."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.test_process import API, call, sign_in, wait_until
from tests.e2e.workers.conftest import Servers
from tests.e2e.workers.load import Connection, steady
from tests.e2e.workers.looking import events, gone, workers_of
from tests.process import STRONG_PASSWORD, agentbox, environment, serving


def test_two_workers_serve_at_one_address(servers: Servers) -> None:
    server = servers.serve()

    bearer = sign_in(server.url)
    assert {call(f"{server.url}{API}/auth/me", **bearer)[0] for _ in range(10)} == {200}
    assert len(workers_of(server)) == 2
    assert {line["worker"] for line in events(server, "worker_ready")} == {1, 2}
    assert [line["workers"] for line in events(server, "listening")] == [2]
    # OP-03: secrets come from files or variables, never from arguments.
    assert STRONG_PASSWORD not in str([worker.cmdline() for worker in workers_of(server)])
    listed = json.loads(
        agentbox(servers.folder, "user", "list", "--json", env=servers.environment()).stdout
    )
    assert [user["username"] for user in listed["users"]] == ["admin"]


async def test_each_worker_answers_for_its_own_readiness(servers: Servers) -> None:
    # OP-05: readiness is that of the process that is asked.
    server = servers.serve(AGENTBOX_SERVER__DRAIN_DELAY="60s")
    connections = [Connection(server.url, {}) for _ in range(12)]
    for each in connections:
        assert (await each.get("/readyz")).status == 200
    workers_of(server)[0].send_signal(signal.SIGTERM)
    await asyncio.to_thread(server.wait_for, '"draining"')

    assert {(await each.get("/readyz")).status for each in connections} == {200, 503}
    for each in connections:
        each.close()


def test_one_worker_is_a_server_as_without_the_option(servers: Servers) -> None:
    server = servers.serve(workers=1)

    assert workers_of(server) == []
    assert "worker" not in "".join(server.lines)


async def test_every_line_of_a_worker_says_which_and_is_whole(servers: Servers) -> None:
    # OB-02: a line is one line, also where several processes write to one pipe.
    server = servers.serve()
    async with steady(server.url, {}, callers=8, leaving=20) as load:
        await load.more(4000)
    assert server.stop() == 0

    lines = [json.loads(line) for line in server.lines]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) == load.statuses.total()
    assert {line["worker"] for line in requests} == {1, 2}
    assert {line["worker"] for line in events(server, "counters")} == {1, 2}


@pytest.mark.parametrize("way", ["option", "variable", "file"])
def test_sqlite_takes_one_process_and_says_why(tmp_path: Path, way: str) -> None:
    (tmp_path / "agentbox.toml").write_text("[server]\nworkers = 2\n" if way == "file" else "")
    options = ["--workers", "2"] if way == "option" else []
    more = {"AGENTBOX_SERVER__WORKERS": "2"} if way == "variable" else {}

    result = agentbox(tmp_path, "serve", "--port", "0", *options, env=environment(**more))
    assert result.returncode == 3
    assert "the storage sqlite serves one process: it has one writer" in result.stderr
    assert "AGENTBOX_DB_DSN" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["agentbox.toml"]


def test_check_and_doctor_tell_it_before_the_start(tmp_path: Path) -> None:
    env = environment(AGENTBOX_SERVER__WORKERS="2")
    for command in ("check", "doctor"):
        result = agentbox(tmp_path, command, env=env)
        assert result.returncode == 1
        assert "the storage sqlite serves one process" in result.stdout


def test_other_commands_work_whatever_the_number(tmp_path: Path) -> None:
    with serving(tmp_path):
        result = agentbox(tmp_path, "user", "list", env=environment(AGENTBOX_SERVER__WORKERS="2"))

    assert result.returncode == 0, result.stderr


def test_the_first_password_is_shown_once_on_a_terminal(servers: Servers) -> None:
    # OP-01: shown once, whoever of them makes the admin.
    ours, theirs = pty.openpty()
    env = servers.environment(AGENTBOX_ADMIN_PASSWORD=None, AGENTBOX_SERVER__LOG_FORMAT="json")
    process = subprocess.Popen(
        [sys.executable, "-m", "agentbox", "serve", "--port", "0", "--workers", "2"],
        cwd=servers.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = ""
    try:
        while '"listening"' not in shown:
            shown += os.read(ours, 65536).decode()
        process.terminate()
        with suppress(OSError):  # its end, once all of them have closed the terminal
            while more := os.read(ours, 65536):
                shown += more.decode()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)

    [password] = re.findall(r"^ {6}(\w{24})\r$", shown, re.MULTILINE)
    assert shown.count("First start") == 1
    sign_in(servers.serve().url, password)


def test_two_first_starts_at_once_make_one_admin(servers: Servers) -> None:
    # ST-07: two supervisors, four workers, one admin, whose password is told once.
    racing = [servers.start(AGENTBOX_ADMIN_PASSWORD=None) for _ in range(2)]
    urls = [server.wait_until_listening() for server in racing]

    assert "".join(line for server in racing for line in server.lines).count("First start") == 1
    password = (servers.folder / "agentbox.initial-password").read_text().strip()
    bearer = sign_in(urls[0], password)
    assert call(f"{urls[1]}{API}/auth/me", **bearer)[0] == 200


def test_a_signal_during_the_start_ends_it_cleanly(servers: Servers) -> None:
    server = servers.start()
    wait_until(lambda: workers_of(server), "no worker was started", limit=30)
    workers = workers_of(server)

    assert server.stop(signal.SIGTERM) == 0
    assert not any(worker.is_running() for worker in workers)
    assert events(server, "listening") == []
    assert "Traceback" not in "".join(server.lines)


def test_a_worker_whose_supervisor_is_killed_during_the_start_ends(servers: Servers) -> None:
    server = servers.start()
    wait_until(lambda: workers_of(server), "no worker was started", limit=30)
    workers = workers_of(server)
    server.stop(signal.SIGKILL)

    wait_until(lambda: all(map(gone, workers)), "an orphan stays", limit=30)
    assert servers.serve().stop() == 0


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("AGENTBOX_SERVER__LOG_LEVEL", "loud", "AGENTBOX_SERVER__LOG_LEVEL"),  # the supervisor
        ("AGENTBOX_ADMIN_PASSWORD", "short", "AGENTBOX_ADMIN_PASSWORD"),  # the first worker
        ("AGENTBOX_SECRET_KEY", None, "needs AGENTBOX_SECRET_KEY"),
    ],
)
def test_what_stops_the_start_is_said_once(
    servers: Servers, name: str, value: str | None, told: str
) -> None:
    server = servers.start(**{name: value})

    assert server.wait() == 3
    assert "".join(server.lines).count(told) == 1
    assert "".join(server.lines).count("agentbox can't start.") == 1
    assert "Traceback" not in "".join(server.lines)


def test_a_port_that_is_taken_is_said_before_there_is_a_database(servers: Servers) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        server = servers.start("--port", port)
        assert server.wait() == 3

    assert "".join(server.lines).count(f"Can't listen on 127.0.0.1:{port}") == 1
    assert list(servers.folder.iterdir()) == []


def test_a_name_with_two_addresses_is_listened_on_at_both(servers: Servers) -> None:
    found = {info[4][0] for info in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)}
    server = servers.serve("--host", "localhost")
    port = int(server.url.rpartition(":")[2])

    for address in found:
        with socket.create_connection((address, port), timeout=10) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(64).startswith(b"HTTP/1.1 200 ")


def test_the_option_for_workers_is_of_no_use_to_others(tmp_path: Path) -> None:
    for text in ("nothing", "1,90,91,92"):
        result = agentbox(tmp_path, "serve", "--inherited", text)
        assert result.returncode == 3
        assert "--inherited is for workers" in result.stderr
        assert list(tmp_path.iterdir()) == []
