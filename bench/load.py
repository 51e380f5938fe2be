"""Load from wrk, and what one round of it cost the server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.servers import Running

CONNECTIONS = 64
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Round(NamedTuple):
    """One round: server CPU a request in microseconds, latencies in milliseconds."""

    cpu_us: float
    p50_ms: float
    p99_ms: float
    rate: float


def require_wrk() -> None:
    """Leave with a sentence if there is no wrk."""
    if shutil.which("wrk") is None or shutil.which("taskset") is None:
        raise SystemExit(
            "The benchmark needs wrk and taskset (Debian: apt install wrk util-linux)."
        )


def measure(
    server: Running,
    url: str,
    headers: Mapping[str, str],
    *,
    seconds: int,
    cpus: str,
    script: Path | None = None,
) -> Round:
    """Send GETs, or what wrk's `script` makes, for so many seconds; every answer must be 2xx."""
    flags = [flag for name, value in headers.items() for flag in ("-H", f"{name}: {value}")]
    flags += ["-s", str(script)] if script else []
    command = ["taskset", "-c", cpus, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    before = server.cpu_seconds()
    output = subprocess.run(
        [*command, "--latency", *flags, url], capture_output=True, text=True, check=True
    ).stdout
    spent = server.cpu_seconds() - before
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"{url} answered with errors:\n{output}")
    requests = int(_found(r"(\d+) requests in", output)[1])
    return Round(
        cpu_us=spent / requests * 1e6,
        p50_ms=_latency("50%", output),
        p99_ms=_latency("99%", output),
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", output)[1]),
    )


def _latency(percentile: str, output: str) -> float:
    found = _found(rf"{re.escape(percentile)}\s+([\d.]+)(us|ms|s)\b", output)
    return float(found[1]) * _UNITS[found[2]]


def _found(pattern: str, output: str) -> re.Match[str]:
    match = re.search(pattern, output)
    if match is None:
        raise SystemExit(f"wrk printed something unexpected:\n{output}")
    return match
