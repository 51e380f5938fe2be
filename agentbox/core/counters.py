"""Counts of what operators want to know, by fixed names."""

from __future__ import annotations

from collections import Counter

BOUNDS = (0.01, 0.05, 0.25, 1.0)
"""Seconds that `observe` tells apart."""

LARGEST = (1 << 63) - 1
"""Nothing is counted further: a larger number is told by nobody."""


class Counters:
    """Names and numbers since the start of the process."""

    def __init__(self) -> None:
        self._values: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        """Count `amount` more of `name`, up to `LARGEST`."""
        self._values[name] = min(self._values[name] + amount, LARGEST)

    def observe(self, name: str, seconds: float) -> None:
        """Note how long something took: `<name>.count`, `<name>.sum_us`, `<name>.max_us`, and how
        many took at most each of `BOUNDS`."""
        micros = round(seconds * 1e6)
        self._values[f"{name}.count"] += 1
        self.add(f"{name}.sum_us", micros)
        self._values[f"{name}.max_us"] = max(self._values[f"{name}.max_us"], micros)
        for bound in BOUNDS:
            if seconds <= bound:
                self._values[f"{name}.le_{bound:g}"] += 1

    def value(self, name: str) -> int:
        """How many so far."""
        return self._values[name]

    def snapshot(self) -> dict[str, int]:
        """All of them."""
        return dict(self._values)
