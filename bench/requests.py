"""A key-checked and a JWT-checked GET /api/v1/auth/me against bare aiohttp."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

from bench import servers
from bench.load import Round, measure
from bench.servers import Running

SERVER_CPU, CLIENT_CPU = "0", "1"
ME = "/api/v1/auth/me"

NO_LINES = {"AGENTBOX_SERVER__ACCESS_LOG": "false"}
NO_CACHE = {**NO_LINES, "AGENTBOX_SERVER__CREDENTIAL_CACHE": "0"}


class Case(NamedTuple):
    """What is asked, of which server, and the goal for the ratio of CPU (0: none is set)."""

    name: str
    server: Running
    url: str
    headers: Mapping[str, str]
    goal: float


class Result(NamedTuple):
    """Medians over the rounds of one case, and of its ratios to the baseline just before it."""

    name: str
    goal: float
    round: Round
    ratio: Round
    lowest: float
    highest: float


def run(rounds: int, seconds: int) -> list[Result]:
    """All cases, in turn, `rounds` times, each right after the baseline: a machine drifts."""
    with ExitStack() as stack:
        baseline, *cases = _cases(stack)
        for case in (baseline, *cases):
            os.kill(case.server.pid, signal.SIGSTOP)
        taken: dict[str, list[tuple[Round, Round]]] = {case.name: [] for case in cases}
        for _ in range(rounds):
            for case in cases:
                pair = _measured(baseline, seconds), _measured(case, seconds)
                taken[case.name].append(pair)
    bare = [base for pairs in taken.values() for base, _ in pairs]
    first = Result(baseline.name, 0, _median(bare), Round(1, 1, 1, 1), 1, 1)
    return [first, *(_result(case, taken[case.name]) for case in cases)]


def _result(case: Case, pairs: list[tuple[Round, Round]]) -> Result:
    ratios = [Round(*(b / t for b, t in zip(base, took, strict=True))) for base, took in pairs]
    cpu = [ratio.cpu_us for ratio in ratios]
    took = _median([took for _, took in pairs])
    return Result(case.name, case.goal, took, _median(ratios), min(cpu), max(cpu))


def _measured(case: Case, seconds: int) -> Round:
    with case.server.awake():
        measure(case.server, case.url, case.headers, seconds=1, cpus=CLIENT_CPU)  # warms up
        return measure(case.server, case.url, case.headers, seconds=seconds, cpus=CLIENT_CPU)


def _cases(stack: ExitStack) -> Iterator[Case]:
    lines = stack.enter_context(servers.agentbox(SERVER_CPU))
    quiet = stack.enter_context(servers.agentbox(SERVER_CPU, **NO_LINES))
    uncached = stack.enter_context(servers.agentbox(SERVER_CPU, **NO_CACHE))
    size = len(servers.get(quiet.url + ME, **key_of(quiet)))
    baseline = stack.enter_context(servers.bare(size, SERVER_CPU))
    yield Case("bare aiohttp", baseline, baseline.url, {}, 0)
    yield Case("API key, access lines on", lines, lines.url + ME, key_of(lines), 0.40)
    yield Case("API key, access lines off", quiet, quiet.url + ME, key_of(quiet), 0.45)
    yield Case("JWT, access lines on", lines, lines.url + ME, _token(lines), 0.40)
    yield Case("JWT, access lines off", quiet, quiet.url + ME, _token(quiet), 0.45)
    yield Case("JWT verified each time", uncached, uncached.url + ME, _token(uncached), 0.15)
    yield Case("API key looked up each time", uncached, uncached.url + ME, key_of(uncached), 0)


def _token(server: Running) -> dict[str, str]:
    credentials = {"username": "admin", "password": servers.PASSWORD}
    signed_in = servers.post(f"{server.url}/api/v1/auth/login", credentials)
    return {"Authorization": f"Bearer {signed_in['token']}"}


def key_of(server: Running) -> dict[str, str]:
    made = servers.post(f"{server.url}/api/v1/api-keys", {"name": "bench"}, **_token(server))
    return {"X-API-Key": made["key"]}


def _median(rounds: list[Round]) -> Round:
    return Round(*(median(values) for values in zip(*rounds, strict=True)))
