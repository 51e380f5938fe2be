"""Whether a source and a sink of metrics keep the contract of `agentbox.plugin.metrics`."""

from __future__ import annotations

from agentbox.testing.metrics.offered import OfferedSink, OfferedSource
from agentbox.testing.metrics.sinks import MetricSinkSuite
from agentbox.testing.metrics.sources import MetricSourceSuite

__all__ = ["MetricSinkSuite", "MetricSourceSuite", "OfferedSink", "OfferedSource"]
