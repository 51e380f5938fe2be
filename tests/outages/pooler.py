"""A real pgbouncer in transaction mode between agentbox and Postgres."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.outages.servers import until_now
from tests.postgres import Postgres, absent, as_somebody

SETTINGS = """
[databases]
* = host={server}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
admin_users = agentbox
"""


class Pooler:
    """`dsn` leads to a database through it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def dsn(self, database: str) -> str:
        """The same database as that name is of its server."""
        return f"postgresql://agentbox@/{database}?host={self._folder}&port=6432"


@contextmanager
def pooling(server: Postgres) -> Iterator[Pooler]:
    """A pooler before a server; gone at the end."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        absent("there is no pgbouncer here")
    with tempfile.TemporaryDirectory(prefix="abpb") as name:
        folder = Path(name)
        folder.chmod(0o777)
        settings = folder / "pgbouncer.ini"
        # Every address names one user.
        text = SETTINGS.format(server=f"{server.folder} user=agentbox", folder=folder)
        settings.write_text(text)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, str(settings)],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                **as_somebody(),
            )
        try:
            pooler = Pooler(folder)
            until_now(lambda: _answers(pooler), lambda: (folder / "log").read_text())
            yield pooler
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)


def _answers(pooler: Pooler) -> bool:
    try:
        psycopg.connect(pooler.dsn("pgbouncer"), autocommit=True).close()
    except psycopg.OperationalError:
        return False
    return True
