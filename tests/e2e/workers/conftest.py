"""Servers of two workers on a storage that takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.workers.looking import kill, workers_of
from tests.e2e.workers.shared import install, using
from tests.process import ServerProcess


class Shared:
    """Starts servers in one folder; all that still run at the end are ended."""

    def __init__(self, folder: Path, packages: Path) -> None:
        self.folder = folder
        self.packages = packages
        self._started: list[ServerProcess] = []

    def start(self, *arguments: str, workers: int = 2, **more: str) -> ServerProcess:
        """A server that has begun to start."""
        server = ServerProcess(
            self.folder, "--workers", str(workers), *arguments, env=self.environment(**more)
        )
        self._started.append(server)
        return server

    def serve(self, *arguments: str, workers: int = 2, **more: str) -> ServerProcess:
        """One whose workers all serve."""
        server = self.start(*arguments, workers=workers, **more)
        server.wait_until_listening()
        return server

    def environment(self, **more: str) -> dict[str, str]:
        """What it is started with."""
        return using(self.packages, **more)

    def close(self) -> None:
        """End what runs, the supervisor first, so that it starts nothing again."""
        for server in self._started:
            workers = workers_of(server)
            if server.process.poll() is None:
                server.process.kill()
            for worker in workers:
                kill(worker)
            server.wait()


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the storage `shared`."""
    folder = tmp_path_factory.mktemp("packages")
    install(folder)
    return folder


@pytest.fixture
def shared(tmp_path: Path, packages: Path) -> Iterator[Shared]:
    """Servers on the storage `shared`."""
    made = Shared(tmp_path, packages)
    yield made
    made.close()
