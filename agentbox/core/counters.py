"""Counts of what operators want to know, by fixed names."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Names and numbers since the start of the process."""

    def __init__(self) -> None:
        self._values: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        """Count `amount` more of `name`."""
        self._values[name] += amount

    def value(self, name: str) -> int:
        """How many so far."""
        return self._values[name]

    def snapshot(self) -> dict[str, int]:
        """All of them."""
        return dict(self._values)
