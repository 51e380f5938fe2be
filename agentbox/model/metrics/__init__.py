"""Metrics: what is measured, one measurement, and series of them as they are kept and read."""

from agentbox.model.metrics.samples import Aggregate, Batch, MetricKind, MetricType, Sample
from agentbox.model.metrics.series import STEPS, Level, Point, SeriesQuery

__all__ = [
    "STEPS",
    "Aggregate",
    "Batch",
    "Level",
    "MetricKind",
    "MetricType",
    "Point",
    "Sample",
    "SeriesQuery",
]
