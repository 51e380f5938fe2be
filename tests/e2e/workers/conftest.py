"""Servers of two workers on a database of the test's own."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.workers.looking import kill, workers_of
from tests.process import STRONG_PASSWORD, ServerProcess, environment


class Servers:
    """Starts servers in one folder; all that still run at the end are ended."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder = folder
        self._given = {
            "AGENTBOX_DB_DSN": dsn,
            "AGENTBOX_SECRET_KEY": base64.b64encode(os.urandom(32)).decode(),
            "AGENTBOX_ADMIN_PASSWORD": STRONG_PASSWORD,
        }
        self._started: list[ServerProcess] = []

    def start(self, *arguments: str, workers: int = 2, **more: str | None) -> ServerProcess:
        """A server that has begun to start."""
        server = ServerProcess(
            self.folder, "--workers", str(workers), *arguments, env=self.environment(**more)
        )
        self._started.append(server)
        return server

    def serve(self, *arguments: str, workers: int = 2, **more: str | None) -> ServerProcess:
        """One whose workers all serve."""
        server = self.start(*arguments, workers=workers, **more)
        server.wait_until_listening()
        return server

    def environment(self, **more: str | None) -> dict[str, str]:
        """What it is started with; a variable that is None is not set."""
        given = self._given | more
        return environment(**{name: value for name, value in given.items() if value is not None})

    def close(self) -> None:
        """End what runs, the supervisor first, so that it starts nothing again."""
        for server in self._started:
            workers = workers_of(server)
            if server.process.poll() is None:
                server.process.kill()
            for worker in workers:
                kill(worker)
            server.wait()


@pytest.fixture
def servers(tmp_path: Path, fresh_dsn: str) -> Iterator[Servers]:
    """Servers on one new database."""
    made = Servers(tmp_path, fresh_dsn)
    yield made
    made.close()
