"""Other processes on the same database."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
connection.close()
"""

HOLD_FILE_LOCK = """
import sys
from pathlib import Path
from agentbox_sqlite.files import FileLock
with FileLock(Path(sys.argv[1])).held(5):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holding(code: str, database: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a lock; `release` it, or leave the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        release(process)


def release(process: subprocess.Popen[str]) -> None:
    """Let the process give back what it holds; returns when it has ended."""
    if process.poll() is None:
        process.communicate("go\n", timeout=30)


class WriterProcess:
    """A server-like process that writes, and says so after each commit."""

    def __init__(
        self, database: Path | str, name: str, script: Sequence[str] = (str(HERE / "writing.py"),)
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *script, str(database), name],
            cwd=HERE.parents[1],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.acknowledged: list[str] = []

    def wait_for(self, number: int) -> None:
        """Until so many commits were acknowledged."""
        assert self._process.stdout is not None
        while len(self.acknowledged) < number:
            line = self._process.stdout.readline()
            assert line.endswith("\n"), "the writing process has ended"
            self.acknowledged.append(line.strip())

    def kill(self) -> None:
        """kill -9; what it had printed before is acknowledged too."""
        self._process.send_signal(signal.SIGKILL)
        assert self._process.stdout is not None
        rest = self._process.stdout.read()
        self._process.stdout.close()
        self._process.wait(timeout=30)
        whole = rest[: rest.rfind("\n") + 1]
        self.acknowledged += whole.split()
