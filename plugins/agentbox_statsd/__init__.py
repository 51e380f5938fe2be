"""Metrics as datagrams to a StatsD server: the entry point `statsd`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import MetricSinkType

AGENTBOX_API = 1


@hookimpl
def agentbox_metric_sink_types() -> Sequence[MetricSinkType]:
    """The one sink, `statsd`."""
    from agentbox_statsd.descriptor import STATSD_SINK

    return [STATSD_SINK]
