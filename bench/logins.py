"""Logins against what argon2 alone allows with the same parameters on the same cores."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import aiohttp
from argon2 import PasswordHasher

from bench import servers

CORES = "0,1"
PARALLEL = 8
PROBE_EVERY = 0.02


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
    hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    known = hasher.hash(servers.PASSWORD)
    cores = len(os.sched_getaffinity(0))
    until = time.monotonic() + seconds

    def work() -> int:
        done = 0
        while time.monotonic() < until:
            hasher.verify(known, servers.PASSWORD)
            done += 1
        return done

    with ThreadPoolExecutor(cores) as pool:
        began = time.monotonic()
        total = sum(pool.map(lambda _: work(), range(cores)))
        return total / (time.monotonic() - began)


async def _logins(url: str, seconds: float) -> tuple[float, float]:
    until = time.monotonic() + seconds
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

    async with aiohttp.ClientSession(url) as session:
        began = time.monotonic()
        probing = asyncio.create_task(probe(session))
        total = sum(await asyncio.gather(*(sign_in(session) for _ in range(PARALLEL))))
        spent = time.monotonic() - began
        probes = sorted(await probing)
    return total / spent, probes[int(len(probes) * 0.99)]
