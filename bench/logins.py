"""Logins against what argon2 alone allows with the same parameters on the same cores."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import NamedTuple

import aiohttp

from bench import servers

CORES = "0,1"
PARALLEL = 8
PROBE_EVERY = 0.02
WARM_UP = 10


class Logins(NamedTuple):
    """Logins and bare verifications a second, and how /healthz did meanwhile (milliseconds)."""

    logins: float
    verifications: float
    healthz_p99_ms: float


def run(seconds: float, rounds: int) -> Logins:
    """The two in turn, `rounds` times; the median ratio's round."""
    with servers.agentbox(CORES) as server:
        taken = []
        for _ in range(rounds):
            verifications = _argon2_alone(seconds)
            logins, p99 = asyncio.run(_logins(server.url, seconds))
            taken.append(Logins(logins, verifications, p99))
    taken.sort(key=lambda result: result.logins / result.verifications)
    return taken[len(taken) // 2]


def _argon2_alone(seconds: float) -> float:
    command = ["taskset", "-c", CORES, sys.executable, "-m", "bench.argon2_alone", str(seconds)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


async def _logins(url: str, seconds: float) -> tuple[float, float]:
    body = {"username": "admin", "password": servers.PASSWORD}

    async def sign_in(session: aiohttp.ClientSession) -> int:
        done = 0
        while time.monotonic() < until:
            async with session.post("/api/v1/auth/login", json=body) as answer:
                assert answer.status == 200, answer.status
                await answer.read()
            done += 1
        return done

    async def probe(session: aiohttp.ClientSession) -> list[float]:
        taken = []
        while time.monotonic() < until:
            began = time.monotonic()
            async with session.get("/healthz") as answer:
                await answer.read()
            taken.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(PROBE_EVERY)
        return taken

    until = 0.0
    async with aiohttp.ClientSession(url) as session:
        for _ in range(WARM_UP):
            async with session.post("/api/v1/auth/login", json=body) as answer:
                await answer.read()
        began = time.monotonic()
        until = began + seconds
        probing = asyncio.create_task(probe(session))
        total = sum(await asyncio.gather(*(sign_in(session) for _ in range(PARALLEL))))
        spent = time.monotonic() - began
        probes = sorted(await probing)
    return total / spent, probes[int(len(probes) * 0.99)]
