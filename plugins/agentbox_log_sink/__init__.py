"""Metrics as lines of the server's log: the entry point `log`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import MetricSinkType

AGENTBOX_API = 1


@hookimpl
def agentbox_metric_sink_types() -> Sequence[MetricSinkType]:
    """The one sink, `log`."""
    from agentbox_log_sink.descriptor import LOG_SINK

    return [LOG_SINK]
