"""`python -m bench`: all, as tables of ratios; `lists`, `logins` and `copy`: these alone.

`postgres` and `metrics` are none of `all`: what a key check costs there, and what stored series do.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from bench import copying, flood, lists, logins, metrics, postgres, refusals, requests, servers
from bench.load import require_wrk

REFUSALS = 100
"""Refused logins of each kind in a round."""

FLOOD = 10
"""Seconds of flooding with logins in a round."""

LIST_ROUNDS = 10
"""Rounds of a list in one of a request: a 95th percentile wants more than three."""


def main() -> None:
    """Print the figures; `--write` keeps them in a file too."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        choices=("all", "lists", "logins", "copy", "postgres", "metrics"),
        default="all",
        nargs="?",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument(
        "--rows", type=int, default=100_000, help="of each kind, for lists and copies"
    )
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    lines: list[str] = []
    if options.what == "all":
        lines += _server_lines(options.rounds, options.seconds)
    if options.what in ("all", "logins"):
        lines += [*refusals.lines(options.rounds * REFUSALS), ""]
        lines += [*flood.lines(options.rounds * FLOOD), ""]
    if options.what in ("all", "lists"):
        lines += [*lists.lines(options.rows, options.rounds * LIST_ROUNDS), ""]
    if options.what in ("all", "copy"):
        lines += copying.lines(options.rows)
    if options.what == "postgres":
        lines += postgres.lines(options.rounds, options.seconds)
    if options.what == "metrics":
        lines += metrics.lines(environments=200, hours=24)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.write:
        options.write.write_text(text)


def _server_lines(rounds: int, seconds: int) -> list[str]:
    require_wrk()
    return [
        f"Python {platform.python_version()}, {platform.machine()}, 64 connections, "
        f"{rounds} rounds of {seconds} s, medians",
        "each ratio is to the baseline measured just before it",
        "",
        *_request_lines(rounds, seconds),
        "",
        *_login_lines(rounds, seconds),
        "",
        *_start_lines(rounds),
        "",
    ]


def _request_lines(rounds: int, seconds: int) -> list[str]:
    heading = (
        f"{'GET /api/v1/auth/me':28} {'CPU us':>7} {'ratio':>6} {'lowest..highest':>16} {'goal':>5}"
    )
    lines = [f"{heading} {'p50 ms':>7} {'ratio':>6} {'p99 ms':>7} {'ratio':>6}"]
    for result in requests.run(rounds, seconds):
        took, ratio = result.round, result.ratio
        goal = f"{result.goal:.2f}" if result.goal else "-"
        spread = f"{result.lowest:.2f}..{result.highest:.2f}"
        lines.append(
            f"{result.name:28} {took.cpu_us:7.1f} {ratio.cpu_us:6.2f} {spread:>16} {goal:>5} "
            f"{took.p50_ms:7.2f} {ratio.p50_ms:6.2f} {took.p99_ms:7.2f} {ratio.p99_ms:6.2f}"
        )
    return lines


def _login_lines(rounds: int, seconds: int) -> list[str]:
    took = logins.run(seconds, rounds)
    return [
        f"logins {took.logins:.1f}/s, argon2 alone {took.verifications:.1f}/s: "
        f"ratio {took.logins / took.verifications:.2f} (goal 0.90)",
        f"/healthz p99 while logins saturate: {took.healthz_p99_ms:.1f} ms (goal under 50)",
    ]


def _start_lines(rounds: int) -> list[str]:
    ready, memory = [], []
    for _ in range(rounds):
        with servers.agentbox("0,1") as server:
            ready.append(server.seconds_to_ready)
            memory.append(server.memory_mib())
    return [
        f"cold start to ready: {sorted(ready)[rounds // 2]:.2f} s (goal under 1.5)",
        f"memory after the first start: {max(memory):.0f} MiB (goal under 90)",
    ]


if __name__ == "__main__":
    main()
