"""The server as a process: first start, signals, kills."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import stat
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.backend import Database, database_in
from tests.process import STRONG_PASSWORD, ServerProcess, agentbox, environment, serving
from tests.scale import scaled

API = "/api/v1"

TELLING_OF_GARBAGE = """
import atexit, gc, sys

def tell():
    walked = len(gc.get_objects())
    print("frozen" if gc.get_freeze_count() > walked else "walked", file=sys.stderr, flush=True)

atexit.register(tell)
"""


def call(
    url: str, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Status and JSON of one request."""
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else {}
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, json.loads(problem.read())


def sign_in(url: str, password: str = STRONG_PASSWORD) -> dict[str, str]:
    status, body = call(
        f"{url}{API}/auth/login", "POST", {"username": "admin", "password": password}
    )
    assert status == 200, body
    return {"Authorization": f"Bearer {body['token']}"}


def given(**more: str) -> dict[str, str]:
    return environment(AGENTBOX_ADMIN_PASSWORD=STRONG_PASSWORD, **more)


def wait_until(condition: Any, what: str, limit: float = 10.0) -> float:
    """Seconds until the condition holds; fails after `limit`."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < limit, what
        time.sleep(0.02)
    return time.monotonic() - began


def test_the_first_start_makes_one_admin_whose_password_is_in_a_private_file(
    tmp_path: Path,
) -> None:
    # OP-01: random, shown once, not in the log, changed at the first sign-in.
    file = database_in(tmp_path).initial_password
    with serving(tmp_path) as server:
        password = file.read_text().strip()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(password) >= 22
        assert not any(password in line for line in server.lines)
        bearer = sign_in(server.url, password)
        status, body = call(f"{server.url}{API}/users", **bearer)
        assert (status, body["error"]) == (403, "password_change_required")
        status, _ = call(
            f"{server.url}{API}/auth/change-password",
            "POST",
            {"new_password": STRONG_PASSWORD},
            **bearer,
        )
        assert status == 204
        assert not file.exists()
        assert call(f"{server.url}{API}/users", **bearer)[0] == 200


def test_a_second_start_prints_no_password_and_keeps_everything(tmp_path: Path) -> None:
    with serving(tmp_path, env=given()) as server:
        bearer = sign_in(server.url)
        status, made = call(f"{server.url}{API}/api-keys", "POST", {"name": "kept"}, **bearer)
        assert status == 201
        assert server.stop(signal.SIGINT) == 0
    with serving(tmp_path, env=environment()) as server:
        assert not database_in(tmp_path).initial_password.exists()
        assert call(f"{server.url}{API}/auth/me", **bearer)[0] == 200
        assert call(f"{server.url}{API}/auth/me", **{"X-API-Key": made["key"]})[0] == 200


@pytest.mark.parametrize("weak", ["admin", "password", "short"])
def test_a_weak_password_from_the_environment_stops_the_start(tmp_path: Path, weak: str) -> None:
    # OP-01: never admin/admin.
    result = agentbox(
        tmp_path, "serve", "--port", "0", env=environment(AGENTBOX_ADMIN_PASSWORD=weak)
    )
    assert result.returncode == 3
    assert "AGENTBOX_ADMIN_PASSWORD" in result.stderr
    assert "Traceback" not in result.stderr


def test_secrets_come_from_files_and_are_not_in_the_arguments(tmp_path: Path) -> None:
    # OP-03: files or environment, never argv.
    secret = tmp_path / "admin-password"
    secret.write_text(STRONG_PASSWORD + "\n")
    secret.chmod(0o600)
    with serving(tmp_path, env=environment(AGENTBOX_ADMIN_PASSWORD_FILE=str(secret))) as server:
        sign_in(server.url)
        arguments = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert STRONG_PASSWORD.encode() not in arguments


def test_sigterm_and_ctrl_c_end_the_server_cleanly(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with serving(tmp_path, env=given()) as server:
            assert server.stop(number) == 0
            assert not any("Traceback" in line for line in server.lines)


def test_the_garbage_collector_passes_over_what_a_server_began_with(tmp_path: Path) -> None:
    """Walking that holds the loop for tens of milliseconds."""
    (tmp_path / "sitecustomize.py").write_text(TELLING_OF_GARBAGE)
    path = os.pathsep.join([str(tmp_path), *sys.path])

    with serving(tmp_path, env=given(PYTHONPATH=path)) as server:
        server.stop()

    assert "frozen\n" in server.lines


def test_sigterm_drains_not_ready_at_once_and_serving_on(tmp_path: Path) -> None:
    # OP-04: readiness goes first, the listener stays for the drain delay, kept connections close.
    with serving(tmp_path, env=given(AGENTBOX_SERVER__DRAIN_DELAY="30s")) as server:
        server.process.send_signal(signal.SIGTERM)
        server.wait_for('"draining"')
        assert call(f"{server.url}/readyz")[0] == 503
        with urllib.request.urlopen(f"{server.url}/healthz", timeout=5) as answer:
            assert answer.status == 200
            assert answer.headers["Connection"] == "close"
        assert server.stop(signal.SIGTERM) == 0  # a second signal ends the delay


def test_a_request_in_flight_finishes_while_the_server_stops(tmp_path: Path) -> None:
    # OP-04: in-flight requests finish.
    with serving(tmp_path, env=given()) as server:
        results: list[int] = []
        credentials = {"username": "admin", "password": STRONG_PASSWORD}

        def login() -> None:
            results.append(call(f"{server.url}{API}/auth/login", "POST", credentials)[0])

        host, port = server.url.removeprefix("http://").split(":")
        body = json.dumps(credentials).encode()
        head = (
            f"POST {API}/auth/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head + body[:-1])
            login()  # the server has read the head by the time this one is answered
            server.process.send_signal(signal.SIGTERM)
            server.wait_for('"draining"')
            connection.sendall(body[-1:])
            assert connection.recv(64).startswith(b"HTTP/1.1 200 ")
        assert results == [200]
        assert server.wait() == 0


def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = agentbox(tmp_path, "serve", "--port", port, env=given())
    assert result.returncode == 3
    assert f"Can't listen on 127.0.0.1:{port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_it_listens_on_loopback_unless_told(tmp_path: Path) -> None:
    # OP-07: loopback by default, and elsewhere only with a public address of its own.
    with serving(tmp_path, env=given()) as server:
        assert server.url.startswith("http://127.0.0.1:")
    result = agentbox(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0", env=given())
    assert result.returncode == 3
    assert "public_url" in result.stderr


def test_two_first_starts_at_once_make_one_admin(tmp_path: Path) -> None:
    # ST-07, on one machine: one schema, one admin, one key set.
    servers = [ServerProcess(tmp_path) for _ in range(2)]
    try:
        for server in servers:
            server.wait_until_listening()
        listed = json.loads(agentbox(tmp_path, "user", "list", "--json").stdout)
        assert [user["username"] for user in listed["users"]] == ["admin"]
        password = database_in(tmp_path).initial_password.read_text().strip()
        bearer = sign_in(servers[0].url, password)
        assert call(f"{servers[1].url}{API}/auth/me", **bearer)[0] == 200
    finally:
        for server in servers:
            server.stop(signal.SIGKILL)


def test_kill_9_during_the_first_start_leaves_a_start_that_works(tmp_path: Path) -> None:
    # ST-02, ST-06: whatever the moment, the next start has one admin and its password.
    moments = random.Random(20)
    for number in range(scaled(10)):
        folder = tmp_path / str(number)
        folder.mkdir()
        killed = ServerProcess(folder)
        time.sleep(moments.uniform(0.2, 1.2))  # the moment is the point
        killed.stop(signal.SIGKILL)
        with serving(folder) as server:
            password = database_in(folder).initial_password.read_text().strip()
            sign_in(server.url, password)


def test_kill_9_under_writes_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    # ST-01: a write answered 2xx survives; ST-05: and the file stays whole.
    moments = random.Random(21)
    answered: list[str] = []
    for _ in range(scaled(10)):
        with serving(tmp_path, env=given()) as server:
            bearer = sign_in(server.url)
            stopping = threading.Event()
            writer = threading.Thread(
                target=_write_users, args=(server.url, bearer, answered, stopping)
            )
            writer.start()
            before = len(answered)
            wait_until(lambda: len(answered) > before, "no write was answered")  # noqa: B023
            time.sleep(moments.uniform(0, 0.2))  # the moment is the point
            server.process.send_signal(signal.SIGKILL)
            stopping.set()
            writer.join()
            server.wait()
    with serving(tmp_path, env=given()) as server:
        bearer = sign_in(server.url)
        status, body = call(f"{server.url}{API}/users?limit=1", **bearer)
        assert status == 200
        assert body["total"] > len(answered)  # the admin, and what was not answered any more
    assert set(answered) <= _usernames(database_in(tmp_path))
    _assert_whole(database_in(tmp_path))


def _write_users(
    url: str, bearer: dict[str, str], answered: list[str], stopping: threading.Event
) -> None:
    while not stopping.is_set():
        name = f"u{os.urandom(6).hex()}"
        try:
            status, _ = call(f"{url}{API}/users", "POST", {"username": name}, **bearer)
        except OSError:
            return
        if status == 201:
            answered.append(name)


def _usernames(database: Database) -> set[str]:
    """All of them; a page of the list has a thousand at most."""
    return {name for (name,) in database.run("SELECT username FROM users")}


def _assert_whole(database: Database) -> None:
    if database.name == "sqlite":
        assert database.run("PRAGMA integrity_check") == [("ok",)]
    # ST-02: a change and its audit row are there together.
    ((users, rows),) = database.run(
        "SELECT (SELECT count(*) FROM users),"
        " (SELECT count(*) FROM audit WHERE event = 'user.create')"
    )
    assert users == rows
