"""Samples as StatsD writes them, and lines as they go into packets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from agentbox.model.metrics import MetricKind, MetricType, Sample
from agentbox_statsd.options import StatsdOptions

MOST_BYTES: Final = 1432
"""Of a packet: what passes an Ethernet in one piece."""

DIGITS: Final = 6
"""After the point, where a value has any."""


class Writer:
    """Samples in one of the two dialects."""

    def __init__(self, options: StatsdOptions) -> None:
        self._prefix = options.prefix
        self._tagged = options.dialect == "dogstatsd"
        self._tags = [f"{name}:{value}" for name, value in options.tags.items()]

    def line(self, sample: Sample, kind: MetricType) -> str:
        """The line of one sample; two of them where a plain gauge is negative."""
        name, tags = f"{self._prefix}{sample.type}", self._tags
        if sample.environment_id is not None:
            if self._tagged:
                tags = [*tags, f"environment:{sample.environment_id}"]
            else:
                name = f"{name}.{sample.environment_id}"
        end = f"|#{','.join(tags)}" if tags else ""
        value = _decimal(sample.value)
        if kind.kind is MetricKind.COUNTER:
            return f"{name}:{value}|c{end}"
        line = f"{name}:{value}|g{end}"
        if value[0] == "-" and not self._tagged:
            # A sign means a change by so much to plain StatsD, unless the gauge is 0.
            return f"{name}:0|g\n{line}"
        return line

    def packets(
        self, samples: Iterable[Sample], types: Mapping[str, MetricType]
    ) -> Iterator[bytes]:
        """As many lines in each as fit."""
        held: list[str] = []
        size = 0
        for sample in samples:
            line = self.line(sample, types[sample.type])
            if held and size + len(line) > MOST_BYTES:
                yield "\n".join(held).encode("ascii")
                held, size = [], 0
            held.append(line)
            size += len(line) + 1
        if held:
            yield "\n".join(held).encode("ascii")


def _decimal(value: float) -> str:
    """Without exponent, which not every server reads, and without zeros at the end."""
    text = f"{value:.{DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
