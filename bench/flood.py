"""A flood of logins: what those get who only want to know how the server is, or are signed in."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import NamedTuple

import aiohttp

from bench import servers
from bench.refusals import UNTHROTTLED

PARALLEL = 500
PROBE_EVERY = 0.02


class Flood(NamedTuple):
    """Statuses of the logins and of the probes, the probes' 99th percentiles in milliseconds, and
    how much memory the server had at most in MiB, before it and while it lasted."""

    logins: Counter[int]
    probes: dict[str, Counter[int]]
    p99_ms: dict[str, float]
    memory_before: float
    memory_most: float


def run(seconds: int) -> Flood:
    """As many logins at once as there are connections, half of them with a wrong password."""
    with servers.agentbox("0,1", **UNTHROTTLED) as server:
        return asyncio.run(_flood(server, seconds))


def lines(seconds: int) -> list[str]:
    """What became of everybody."""
    took = run(seconds)
    told = {name: dict(sorted(counts.items())) for name, counts in took.probes.items()}
    return [
        f"{PARALLEL} parallel logins for {seconds} s, half of them with a wrong password",
        f"logins by status: {dict(sorted(took.logins.items()))}",
        *(
            f"GET {path} meanwhile: p99 {took.p99_ms[path]:.1f} ms, by status {told[path]}"
            for path in told
        ),
        f"memory: {took.memory_before:.0f} MiB before, {took.memory_most:.0f} MiB at most",
        "(goals: /healthz p99 under 250 ms, every signed-in request succeeds, the rest 503 or 429)",
    ]


async def _flood(server: servers.Running, seconds: int) -> Flood:
    admin = {"username": "admin", "password": servers.PASSWORD}
    token = servers.post(f"{server.url}/api/v1/auth/login", admin)["token"]
    before, until = server.memory_mib(), time.monotonic() + seconds
    logins: Counter[int] = Counter()
    paths = {"/healthz": {}, "/api/v1/auth/me": {"Authorization": f"Bearer {token}"}}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(server.url, connector=connector) as session:

        async def log_in(number: int) -> None:
            body = admin if number % 2 else admin | {"password": "not-this-one"}
            while time.monotonic() < until:
                async with session.post("/api/v1/auth/login", json=body) as answer:
                    logins[answer.status] += 1
                    await answer.read()
                    if "Retry-After" in answer.headers:
                        await asyncio.sleep(0.1)

        async def probe(path: str, headers: dict[str, str]) -> tuple[Counter[int], list[float]]:
            statuses: Counter[int] = Counter()
            took = []
            while time.monotonic() < until:
                began = time.perf_counter()
                async with session.get(path, headers=headers) as answer:
                    await answer.read()
                took.append((time.perf_counter() - began) * 1000)
                statuses[answer.status] += 1
                await asyncio.sleep(PROBE_EVERY)
            return statuses, sorted(took)

        async def watch() -> float:
            most = before
            while time.monotonic() < until:
                most = max(most, server.memory_mib())
                await asyncio.sleep(0.1)
            return most

        memory = asyncio.create_task(watch())
        probes = [asyncio.create_task(probe(path, of)) for path, of in paths.items()]
        await asyncio.gather(*map(log_in, range(PARALLEL)))
        found = dict(zip(paths, await asyncio.gather(*probes), strict=True))
        most = await memory
    p99 = {path: took[int(len(took) * 0.99)] for path, (_, took) in found.items()}
    return Flood(logins, {path: told for path, (told, _) in found.items()}, p99, before, most)
