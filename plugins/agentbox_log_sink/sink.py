"""The sink that writes to the log, whose queue and thread make it cheap."""

from __future__ import annotations

from collections.abc import Mapping

from agentbox.model.metrics import Batch, MetricType, Sample
from agentbox.model.times import format_instant
from agentbox.plugin import Logger, MetricSink


class LogSink(MetricSink):
    """One line for each batch, `metrics`, with the values of everything together by their type; and
    where it is told to, one more for each environment."""

    def __init__(self, log: Logger, *, environments: bool = False) -> None:
        self._log = log
        self._environments = environments

    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        """Costs no I/O, and raises nothing: lines that can't be written are the log's business."""
        for environment, values in _by_environment(batch.samples).items():
            if environment is None:
                self._say(batch, values)
            elif self._environments:
                self._say(batch, values, environment=environment)

    def _say(self, batch: Batch, values: Mapping[str, float], **more: str) -> None:
        of = "process" if batch.of_process else "all"
        self._log.info("metrics", at=format_instant(batch.at), of=of, **more, values=values)


def _by_environment(samples: tuple[Sample, ...]) -> dict[str | None, dict[str, float]]:
    found: dict[str | None, dict[str, float]] = {}
    for sample in samples:
        found.setdefault(sample.environment_id, {})[sample.type] = sample.value
    return found
