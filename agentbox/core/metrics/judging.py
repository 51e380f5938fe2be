"""Whether what a source gave is what it declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agentbox.model.ids import is_id
from agentbox.model.metrics import MetricKind, MetricType, Sample

LARGEST: Final = 1e200
"""What is beyond could not be added up, so that a store would refuse it with its whole batch."""


@dataclass(slots=True)
class Judged:
    """The samples that are good; how many are not, and what is wrong with the first of them."""

    good: list[Sample] = field(default_factory=list)
    refused: int = 0
    fault: str = ""


def judge(given: Iterable[object], types: Mapping[str, MetricType]) -> Judged:
    """Sort out samples of types that were not declared, that say something of an environment which
    is none, that are there twice, or that are no finite numbers."""
    judged = Judged()
    seen: set[tuple[str, str | None]] = set()
    for sample in given:
        fault = _fault(sample, types)
        if fault is None and isinstance(sample, Sample):
            series = (sample.type, sample.environment_id)
            if series not in seen:
                seen.add(series)
                judged.good.append(sample)
                continue
            fault = "there are two of one series"
        judged.refused += 1
        judged.fault = judged.fault or fault or ""
    return judged


def _fault(sample: object, types: Mapping[str, MetricType]) -> str | None:
    if not isinstance(sample, Sample):
        return f"{type(sample).__name__} is no Sample"
    kind = types.get(sample.type) if isinstance(sample.type, str) else None
    if kind is None:
        return "its type was not declared"
    if sample.environment_id is not None:
        if not kind.per_environment:
            return f"{kind.name} is of no environment"
        if not isinstance(sample.environment_id, str) or not is_id(sample.environment_id):
            return f"{kind.name} is of something that is no environment's id"
    # Comparing takes whole numbers of any size, and is false of what is not a number.
    if type(sample.value) not in {float, int} or not abs(sample.value) <= LARGEST:
        return f"{kind.name} is no finite number"
    if kind.kind is MetricKind.COUNTER and sample.value < 0:
        return f"{kind.name} counts and is negative"
    return None
