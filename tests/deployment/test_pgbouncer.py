"""A server whose queries go through PgBouncer with the shipped file."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.deployment.load import API
from tests.deployment.replicas import settings
from tests.deployment.shipped import free_ports, text_of
from tests.e2e.test_process import call, sign_in, wait_until
from tests.postgres import Postgres, absent
from tests.process import environment, serving


@contextmanager
def pgbouncer(postgres: Postgres, dsn: str) -> Iterator[str]:
    """The same database's DSN through PgBouncer."""
    program = shutil.which("pgbouncer", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if program is None:
        absent("there is no pgbouncer here (Debian's package pgbouncer)")
    if os.geteuid() != 0:
        absent("pgbouncer is started by root, who gives it another user")
    (port,) = free_ports(1)
    database = urlsplit(dsn).path.strip("/")
    # Not in pytest's folder, which only its owner enters.
    folder = Path(tempfile.mkdtemp(prefix="abpb"))
    try:
        folder.chmod(0o755)
        (folder / "userlist.txt").write_text('"agentbox" ""\n')
        changes = {
            "host=/run/postgresql dbname=agentbox": f"host={postgres.folder} dbname={database}",
            "listen_port = 6432": f"listen_port = {port}\nunix_socket_dir =",
            "auth_type = scram-sha-256": "auth_type = trust",
            "/etc/pgbouncer/userlist.txt": str(folder / "userlist.txt"),
        }
        (folder / "pgbouncer.ini").write_text(text_of("pgbouncer.ini", changes))
        process = subprocess.Popen(
            [program, "-q", "-u", _somebody(), str(folder / "pgbouncer.ini")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: _listens(port), "pgbouncer did not start")
            yield f"postgresql://agentbox@127.0.0.1:{port}/agentbox"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=20)
    finally:
        shutil.rmtree(folder)


def _somebody() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_server_signs_in_and_revokes_through_it(
    postgres: Postgres, tmp_path: Path, fresh_dsn: str
) -> None:
    with pgbouncer(postgres, fresh_dsn) as through:
        given = settings(tmp_path, fresh_dsn) | {
            "AGENTBOX_DB_DSN": through,
            "AGENTBOX_PLUGINS__POSTGRES__DIRECT_DSN": fresh_dsn,
        }
        with serving(tmp_path, env=environment(**given)) as server:
            bearer = sign_in(server.url)
            status, made = call(f"{server.url}{API}/api-keys", "POST", {"name": "a"}, **bearer)
            assert status == 201
            key = {"X-API-Key": made["key"]}
            assert call(f"{server.url}{API}/auth/me", **key)[0] == 200
            assert call(f"{server.url}{API}/api-keys/{made['id']}", "DELETE", **bearer)[0] == 204
            assert call(f"{server.url}{API}/auth/me", **key)[0] == 401
