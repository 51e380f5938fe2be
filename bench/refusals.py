"""How long each kind of refused login takes, in turns: nothing may be learned from it."""

from __future__ import annotations

import random
import statistics
import time
import urllib.error
import urllib.request
from typing import NamedTuple

from bench import servers

UNTHROTTLED = {
    f"AGENTBOX_THROTTLE__{tier}": "100000/5m"
    for tier in ("ACCOUNT_ADDRESS", "ACCOUNT", "ADDRESS", "TOTAL")
}
GOAL = "within 5 % or 10 ms of each other"


class Refused(NamedTuple):
    """A kind of refused login, and the median of its answers in milliseconds."""

    kind: str
    median_ms: float


def run(rounds: int) -> list[Refused]:
    """Each kind once a round, in an order drawn anew for each."""
    with servers.agentbox("0,1", **UNTHROTTLED) as server:
        login = f"{server.url}/api/v1/auth/login"
        bodies = _people(server.url)
        took: dict[str, list[float]] = {kind: [] for kind in bodies}
        order = random.Random(7)
        for _ in range(rounds):
            for kind in order.sample(sorted(bodies), len(bodies)):
                took[kind].append(_refused(login, bodies[kind]))
    return [Refused(kind, statistics.median(times)) for kind, times in took.items()]


def lines(rounds: int) -> list[str]:
    """The medians, and how far they lie apart."""
    refused = run(rounds)
    medians = [each.median_ms for each in refused]
    apart = max(medians) - min(medians)
    return [
        f"{rounds} interleaved refused logins of each kind, medians in ms",
        *(f"{each.kind:22} {each.median_ms:7.2f}" for each in refused),
        f"apart: {apart:.2f} ms, {100 * apart / min(medians):.1f} % (goal {GOAL})",
    ]


def _people(url: str) -> dict[str, dict[str, str]]:
    """One login of each kind that is refused, by people made for it."""
    admin = {"username": "admin", "password": servers.PASSWORD}
    token = servers.post(f"{url}/api/v1/auth/login", admin)["token"]
    own = {"Authorization": f"Bearer {token}"}
    good = "copper-lantern-orbit-28"
    for name, fields in {
        "known": {"password": good},
        "disabled": {"password": good, "status": "inactive"},
        "suspended": {"password": good, "status": "suspended"},
        "never-set": {},
    }.items():
        servers.post(f"{url}/api/v1/users", {"username": name, **fields}, **own)
    return {
        "unknown": {"username": "nobody", "password": good},
        "no possible name": {"username": "no body at all", "password": good},
        "wrong password": {"username": "known", "password": "not-this-one"},
        "disabled, right one": {"username": "disabled", "password": good},
        "suspended, right one": {"username": "suspended", "password": good},
        "never set": {"username": "never-set", "password": good},
    }


def _refused(url: str, body: dict[str, str]) -> float:
    began = time.perf_counter()
    try:
        servers.post(url, body)
    except urllib.error.HTTPError as refusal:
        refusal.read()
        if refusal.code == 401:
            return (time.perf_counter() - began) * 1000
        raise
    raise SystemExit(f"{body['username']} was let in")
