"""Debian's Prometheus, scraping what a test tells it to."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 30.0

CONFIG = """\
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: agentbox
    static_configs:
      - targets: ["{target}"]
    {authorization}
"""

AUTHORIZATION = """\
authorization:
      credentials_file: {file}
"""


def program(name: str) -> str:
    """Where Debian's `prometheus` or `promtool` is; skips by name where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package prometheus)")
    return found


def checked(page: str) -> str:
    """What `promtool check metrics` has against a page; empty if nothing."""
    result = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=page,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return f"{result.stdout}{result.stderr}" + (
        f"({result.returncode})" if result.returncode else ""
    )


class Prometheus:
    """A running one. It is asked by its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series that a query gives now."""
        encoded = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{encoded}", timeout=10) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        result: list[dict[str, Any]] = found["data"]["result"]
        return result

    def value(self, query: str) -> float:
        """The value of the one series of a query; 0 if there is none."""
        found = self.ask(query)
        return float(found[0]["value"][1]) if found else 0.0

    def until(self, query: str, at_least: float) -> float:
        """Ask until the value is that large; it."""
        deadline = time.monotonic() + PATIENCE
        while (value := self.value(query)) < at_least:
            assert time.monotonic() < deadline, f"{query} is {value}, not {at_least}"
            time.sleep(0.1)
        return value


@contextmanager
def prometheus(folder: Path, target: str, credential: str | None = None) -> Iterator[Prometheus]:
    """One that scrapes `target` each second, with its data in `folder`; ended at the end."""
    authorization = ""
    if credential is not None:
        secret = folder / "credential"
        secret.write_text(credential)
        authorization = AUTHORIZATION.format(file=secret)
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(target=target, authorization=authorization))
    address = f"127.0.0.1:{_free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={address}",
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield _ready(Prometheus(f"http://{address}"), process, folder / "prometheus.log")
    finally:
        process.kill()
        process.wait(timeout=30)


def _ready(started: Prometheus, process: subprocess.Popen[bytes], log: Path) -> Prometheus:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{started.url}/-/ready", timeout=5):
                return started
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
