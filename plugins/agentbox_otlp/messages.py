"""The messages of OTLP that we send and read, in JSON.

Names are those of opentelemetry-proto in lowerCamelCase; whole numbers of 64 bits are texts,
enumerations numbers (OTLP specification, "JSON Protobuf Encoding").
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

DELTA: Final = 1
CUMULATIVE: Final = 2


class AnyValue(Struct, frozen=True, rename="camel"):
    string_value: str


class KeyValue(Struct, frozen=True):
    key: str
    value: AnyValue


class NumberDataPoint(Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """`start_time_unix_nano` is where a sum begins."""

    start_time_unix_nano: str = ""
    time_unix_nano: str
    as_double: float
    attributes: tuple[KeyValue, ...] = ()


class Gauge(Struct, frozen=True, rename="camel"):
    data_points: list[NumberDataPoint]


class Sum(Struct, frozen=True, rename="camel"):
    data_points: list[NumberDataPoint]
    aggregation_temporality: int
    is_monotonic: bool


class Metric(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Has `gauge` or `sum`."""

    name: str
    description: str
    unit: str
    gauge: Gauge | None = None
    sum: Sum | None = None


class Scope(Struct, frozen=True):
    name: str


class ScopeMetrics(Struct, frozen=True):
    scope: Scope
    metrics: list[Metric]


class Resource(Struct, frozen=True):
    attributes: tuple[KeyValue, ...]


class ResourceMetrics(Struct, frozen=True, rename="camel"):
    resource: Resource
    scope_metrics: tuple[ScopeMetrics, ...]


class ExportMetricsServiceRequest(Struct, frozen=True, rename="camel"):
    resource_metrics: list[ResourceMetrics]


class PartialSuccess(Struct, frozen=True, rename="camel"):
    """How many points were refused, and why, or only something to know where none was."""

    rejected_data_points: int | str = 0
    error_message: str = ""


class ExportMetricsServiceResponse(Struct, frozen=True, rename="camel"):
    """What comes with a status of 200."""

    partial_success: PartialSuccess | None = None
