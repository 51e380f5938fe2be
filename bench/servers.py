"""Servers under test: started on one core, warmed by their client, ended by pid."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

PASSWORD = "walnut-ember-quarry-71"
START_LIMIT = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Running(NamedTuple):
    """A server that answers."""

    url: str
    pid: int
    seconds_to_ready: float

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Running only meanwhile, so that servers that wait don't disturb the one measured."""
        os.kill(self.pid, signal.SIGCONT)
        try:
            yield
        finally:
            time.sleep(0.2)  # what is in flight ends
            os.kill(self.pid, signal.SIGSTOP)

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mib(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, **headers: str) -> bytes:
    """The body of a GET."""
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return bytes(answer.read())


def post(url: str, body: Mapping[str, Any], **headers: str) -> dict[str, Any]:
    """The JSON answer of a POST."""
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.loads(answer.read()))


@contextmanager
def bare(size: int, cpus: str) -> Iterator[Running]:
    """The baseline with a body of `size` bytes."""
    port = free_port()
    command = [sys.executable, "-m", "bench.bare", str(port), str(size)]
    with _running(command, f"http://127.0.0.1:{port}/", cpus, {}, Path.cwd()) as server:
        yield server


@contextmanager
def agentbox(cpus: str, **settings: str) -> Iterator[Running]:
    """A new agentbox on SQLite in a folder of its own; `settings` are environment variables."""
    port = free_port()
    command = [sys.executable, "-m", "agentbox", "serve", "--port", str(port)]
    environ = {"AGENTBOX_ADMIN_PASSWORD": PASSWORD, **settings}
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{port}"
        with _running(command, f"{url}/readyz", cpus, environ, Path(folder)) as server:
            yield server._replace(url=url)


@contextmanager
def _running(
    command: list[str], probe: str, cpus: str, environ: Mapping[str, str], folder: Path
) -> Iterator[Running]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AGENTBOX_")}
    with tempfile.TemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(
            ["taskset", "-c", cpus, *command],
            cwd=folder,
            env=kept | dict(environ),
            stdout=log,
            stderr=log,
        )
        try:
            yield Running(probe, process.pid, _wait(probe, process) - began)
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(30)


def _wait(probe: str, process: subprocess.Popen[bytes]) -> float:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            get(probe)
        except OSError:
            time.sleep(0.01)
        else:
            return time.monotonic()
    raise SystemExit(f"{process.args!r} did not answer")
