"""Servers on Postgres, and what is done to those."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.live import UNTHROTTLED, Live, ShiftedClock, live_server
from tests.postgres import Postgres

SECRET_KEY = base64.b64encode(os.urandom(32)).decode()
"""The root secret of every server here: replicas of one database share it."""


def settings_for(dsn: str, **more: str) -> dict[str, str | None]:
    """The environment of a server on `dsn`."""
    return {
        "AGENTBOX_DB_PATH": None,
        "AGENTBOX_DB_DSN": dsn,
        "AGENTBOX_SECRET_KEY": SECRET_KEY,
        **UNTHROTTLED,
        **more,
    }


@asynccontextmanager
async def on_postgres(
    dsn: str, *, clock: ShiftedClock | None = None, **more: str
) -> AsyncIterator[Live]:
    """A server in this process; `more` are settings."""
    environ = settings_for(dsn, **more)
    with tempfile.TemporaryDirectory() as folder:
        async with live_server(Path(folder), environ=environ, clock=clock) as live:
            yield live


async def make_template(dsn: str) -> None:
    """The schema and all that a first start makes."""
    async with on_postgres(dsn):
        pass


@contextmanager
def copy_of(server: Postgres, template: str, place: str = "") -> Iterator[str]:
    """The DSN of a copy of a database; the server runs again at the end."""
    name = server.create(template=f"{template} {place}")
    # Without it a crash would set back the sequences of a copy: it is not logged what the
    # template's log has in advance.
    server.run("CHECKPOINT")
    try:
        yield server.dsn(name)
    finally:
        if not server.is_running:  # the test has failed half-way; the next one need not
            server.start()
        server.drop(name)


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> float:
    """Wait until it is true; how long that took. Fails after `seconds`."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not condition():
        assert loop.time() - begun < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.02)
    return loop.time() - begun


def until_now(condition: Callable[[], bool], told: Callable[[], str]) -> None:
    """`until` for what has no loop; `told` says what is the matter if it takes 10 s."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)


@contextmanager
def paused(*pids: int) -> Iterator[None]:
    """Processes that stand still until the end of the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def at_one_moment(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that sees nothing of what is committed meanwhile, such as a last commit that
    reached Postgres before the server was killed."""
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection


def backends(server: Postgres, dsn: str, condition: str = "true") -> list[int]:
    """The process ids of those who are connected to the database of `dsn`."""
    database = dsn.partition("@/")[2].partition("?")[0]
    rows = server.run(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        f" AND datname = '{database}' AND ({condition})"
    )
    return [pid for (pid,) in rows]
