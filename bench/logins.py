"""Logins against what argon2 alone allows with the same parameters on the same cores."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

from bench import servers

CORES = "0,1"
PARALLEL = 8
PROBE_EVERY = 0.03


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
            logins, p99 = _logins(server.url, seconds)
            taken.append(Logins(logins, verifications, p99))
    taken.sort(key=lambda result: result.logins / result.verifications)
    return taken[len(taken) // 2]


def _argon2_alone(seconds: float) -> float:
    command = ["taskset", "-c", CORES, sys.executable, "-m", "bench.argon2_alone", str(seconds)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _logins(url: str, seconds: float) -> tuple[float, float]:
    """Logins a second from wrk, which takes next to nothing of the cores, and /healthz's p99."""
    credentials = json.dumps({"username": "admin", "password": servers.PASSWORD})
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            "wrk.method = 'POST'\n"
            f"wrk.body = [[{credentials}]]\n"
            "wrk.headers['Content-Type'] = 'application/json'\n"
        )
        script.flush()
        command = ["wrk", "-t1", f"-c{PARALLEL}", "-s", script.name]
        target = f"{url}/api/v1/auth/login"
        subprocess.run([*command, "-d1s", target], capture_output=True, check=True)  # warms up
        wrk = subprocess.Popen(
            [*command, f"-d{seconds}s", target], stdout=subprocess.PIPE, text=True
        )
        probes = sorted(_probes(f"{url}/healthz", wrk))
        output, _ = wrk.communicate()
    if "Non-2xx" in output:
        raise SystemExit(f"logins failed:\n{output}")
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", output)[0])
    return rate, probes[int(len(probes) * 0.99)]


def _probes(url: str, until: subprocess.Popen[str]) -> Iterator[float]:
    while until.poll() is None:
        began = time.monotonic()
        servers.get(url)
        yield (time.monotonic() - began) * 1000
        time.sleep(PROBE_EVERY)
