"""The `agentbox` command as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

from tests.backend import database_in

START_LIMIT = 30.0
STRONG_PASSWORD = "walnut-ember-quarry-71"


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any setting of ours, plus `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AGENTBOX_")}
    return kept | more


def led_to(folder: Path, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """`env` (without one, no setting at all), with the way to the folder's database besides."""
    database = database_in(folder)
    database.claim()
    return database.from_its_folder | dict(env if env is not None else environment())


def agentbox(
    folder: Path, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "agentbox", *arguments],
        cwd=folder,
        input=stdin,
        text=True,
        capture_output=True,
        timeout=60,
        env=led_to(folder, env),
        check=False,
    )


class ServerProcess:
    """`agentbox serve --port 0` in a folder; its log lines are read as they come."""

    def __init__(self, folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self._queue: Queue[str | None] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agentbox", "serve", "--port", "0", *arguments],
            cwd=folder,
            env=led_to(folder, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until_listening(self) -> str:
        """Its URL, once it accepts connections."""
        self.url = str(json.loads(self.wait_for('"listening"'))["url"])
        return self.url

    def wait_for(self, text: str) -> str:
        """The first line that holds `text`; fails if the process ends first."""
        while True:
            try:
                line = self._queue.get(timeout=START_LIMIT)
            except Empty:
                raise AssertionError(f"no line with {text!r} in {self.lines}") from None
            if line is None:
                raise AssertionError(f"ended before {text!r}: {self.lines}")
            if text in line:
                return line

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal; the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """The exit status, once it has ended."""
        status = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            self._queue.put(line)
        self._queue.put(None)


@contextmanager
def serving(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[ServerProcess]:
    """A listening server, ended at the end whatever happens."""
    server = ServerProcess(folder, *arguments, env=env)
    try:
        server.wait_until_listening()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
