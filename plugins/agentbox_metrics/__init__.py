"""What environments, the host and agentbox itself do, measured, and kept in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import MetricSinkType, MetricSourceType

AGENTBOX_API = 1


@hookimpl
def agentbox_metric_source_types() -> Sequence[MetricSourceType]:
    """Reports of environments, what is in the database, the host, and this process."""
    from agentbox_metrics.descriptor import SOURCES

    return SOURCES


@hookimpl
def agentbox_metric_sink_types() -> Sequence[MetricSinkType]:
    """The stored series."""
    from agentbox_metrics.descriptor import SINKS

    return SINKS
