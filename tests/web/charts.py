"""Points of a chart, and the texts that answers have of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agentbox.model.metrics import Point

START = datetime(2026, 11, 20, tzinfo=UTC)
TICK = timedelta(seconds=30)

CASES = (0.0, 1e-05, 4.2782520067723774e-05, 0.0001, 0.1, -1e-9, 5e-324, 7.0, 1e15, 1e16)
VALUES = (*CASES, 9007199254740993.0, 1.2345678901234568e17, 1e21, -1.7976931348623157e199, math.pi)
"""Numbers that JSON and Python write each in their own way."""


def points(number: int, start: datetime = START) -> list[Point]:
    """That many, a tick apart."""
    return [Point(start + n * TICK, VALUES[n % len(VALUES)]) for n in range(number)]


def as_csv(given: Sequence[Point], environment_id: str | None) -> str:
    """Of `cpu_usage`, line by line."""
    found = ["timestamp,metric_type,environment_id,value"]
    found += [f"{_text(at)},cpu_usage,{environment_id or ''},{value!r}" for at, value in given]
    return "".join(f"{line}\r\n" for line in found)


def as_json(given: Sequence[Point], environment_id: str) -> list[dict[str, Any]]:
    """Of `cpu_usage`, decoded."""
    return [
        {
            "id": f"{environment_id}.cpu_usage.30s.{int(at.timestamp())}",
            "metric_type": "cpu_usage",
            "value": value,
            "timestamp": _text(at),
            "environment_id": environment_id,
        }
        for at, value in given
    ]


def _text(at: datetime) -> str:
    return format(at, "%Y-%m-%dT%H:%M:%SZ")
