"""The sink `otlp`: what a receiver makes of it, by the messages of opentelemetry-proto."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from agentbox.model.metrics import Batch, MetricKind, MetricType, Sample
from agentbox.model.secret import Secret
from agentbox.web.outgoing.client import OutgoingHttp
from agentbox_otlp.options import OtlpOptions
from agentbox_otlp.resources import Resources
from agentbox_otlp.sink import OtlpSink
from agentbox_otlp.writing import Writer
from tests.plugins.sinks.conftest import BATCH, ENVIRONMENT, NO_STORAGE, TYPES, large
from tests.plugins.sinks.receiving import OtlpReceiver, Point
from tests.plugins.stand_in import START, StandInServices

STEP = timedelta(seconds=30)
OPENED = START - timedelta(seconds=7)


@pytest.fixture
async def http() -> AsyncIterator[OutgoingHttp]:
    async with OutgoingHttp.opened() as opened:
        yield opened


class Making:
    """Sinks to a receiver."""

    def __init__(self, http: OutgoingHttp, receiver: OtlpReceiver) -> None:
        self._http = http
        self._receiver = receiver

    def __call__(self, **given: Any) -> OtlpSink:
        options = OtlpOptions(**{"endpoint": self._receiver.url, **given})
        assert options.check() == []
        services: Any = StandInServices(NO_STORAGE, options)
        writer = Writer(options, Resources.of(options.resource), OPENED)
        return OtlpSink(services, self._http.to([options.origin]), writer)


@pytest.fixture
def make(http: OutgoingHttp, receiver: OtlpReceiver) -> Making:
    return Making(http, receiver)


def named(receiver: OtlpReceiver, name: str) -> list[Point]:
    return [point for point in receiver.points() if point.metric.name == name]


def nanoseconds(at: Any) -> int:
    return int(at.timestamp()) * 10**9


async def test_gauges_and_counters_arrive_as_they_were_measured(
    make: Making, receiver: OtlpReceiver
) -> None:
    await make().deliver(BATCH, TYPES)

    found = {
        (each.metric.name, each.attributes.get("agentbox.environment.id")): each.point.as_double
        for each in receiver.points()
    }
    assert found == {
        ("agentbox.load", None): 12.5,
        ("agentbox.hits", None): 3.0,
        ("agentbox.size", None): 640.0,
        ("agentbox.size", ENVIRONMENT): 128.25,
    }
    assert {each.point.time_unix_nano for each in receiver.points()} == {nanoseconds(START)}
    assert receiver.paths == ["/v1/metrics"]


async def test_metrics_say_what_they_are(make: Making, receiver: OtlpReceiver) -> None:
    await make(prefix="box.").deliver(BATCH, TYPES)
    (load,), (hits,), size = (named(receiver, f"box.{name}") for name in TYPES)

    assert (load.metric.description, load.metric.unit) == ("A gauge.", "%")
    assert (hits.metric.unit, size[0].metric.unit) == ("1", "MiBy")
    assert load.metric.WhichOneof("data") == "gauge"
    assert hits.metric.WhichOneof("data") == "sum"
    assert hits.metric.sum.is_monotonic
    assert load.point.start_time_unix_nano == 0


async def test_a_unit_that_ucum_does_not_have_is_an_annotation(
    make: Making, receiver: OtlpReceiver
) -> None:
    kind = MetricType(name="load", unit="boxes", description="")
    await make().deliver(Batch(at=START, samples=(Sample("load", 1.0),)), {"load": kind})

    assert [each.metric.unit for each in receiver.points()] == ["{boxes}"]


@pytest.mark.parametrize(
    ("temporality", "values", "starts"),
    [
        ("cumulative", [3.0, 6.0, 9.0], [OPENED, OPENED, OPENED]),
        ("delta", [3.0, 3.0, 3.0], [OPENED, START, START + STEP]),
    ],
)
async def test_counters_add_up_or_are_told_by_the_tick(
    make: Making, receiver: OtlpReceiver, temporality: str, values: list[float], starts: list[Any]
) -> None:
    sink = make(temporality=temporality)
    for number in range(3):
        await sink.deliver(msgspec.structs.replace(BATCH, at=START + number * STEP), TYPES)
    found = named(receiver, "agentbox.hits")

    assert [each.point.as_double for each in found] == values
    assert [each.point.start_time_unix_nano for each in found] == [*map(nanoseconds, starts)]
    wanted = f"AGGREGATION_TEMPORALITY_{temporality.upper()}"
    assert {each.metric.sum.aggregation_temporality for each in found} == {
        AggregationTemporality.Value(wanted)
    }


async def test_counters_of_environments_add_up_by_themselves(
    make: Making, receiver: OtlpReceiver
) -> None:
    kind = MetricType(
        name="n", unit="count", description="", kind=MetricKind.COUNTER, per_environment=True
    )
    sink = make()
    for value in (1.0, 2.0):
        samples = Sample("n", value), Sample("n", 10 * value, ENVIRONMENT)
        await sink.deliver(Batch(at=START, samples=samples), {"n": kind})

    assert [each.point.as_double for each in receiver.points()] == [1.0, 10.0, 3.0, 30.0]


async def test_a_counter_of_an_environment_that_was_away_begins_anew(
    make: Making, receiver: OtlpReceiver
) -> None:
    kind = MetricType(
        name="n", unit="count", description="", kind=MetricKind.COUNTER, per_environment=True
    )
    total, mine = Sample("n", 1.0), Sample("n", 1.0, ENVIRONMENT)
    sink = make()
    for number, samples in enumerate([(total, mine), (total, mine), (total,), (total, mine)]):
        at = START + number * STEP
        await sink.deliver(Batch(at=at, samples=samples), {"n": kind})

    found = [each for each in receiver.points() if each.attributes]
    assert [each.point.as_double for each in found] == [1.0, 2.0, 1.0]
    starts = [each.point.start_time_unix_nano for each in found]
    assert starts == [*map(nanoseconds, (OPENED, OPENED, START + 2 * STEP))]
    everything = [each.point.as_double for each in receiver.points() if not each.attributes]
    assert everything == [1.0, 2.0, 3.0, 4.0]


async def test_what_one_process_measures_for_all_has_the_same_resource_in_each(
    make: Making, receiver: OtlpReceiver
) -> None:
    for _ in range(2):
        await make(resource={"deployment.environment.name": "test"}).deliver(BATCH, TYPES)

    first, second = (each.resource for each in named(receiver, "agentbox.load"))
    assert (
        first
        == second
        == {
            "service.name": "agentbox",
            "service.version": version("agentbox-server"),
            "deployment.environment.name": "test",
        }
    )


async def test_what_processes_measure_or_count_has_a_resource_of_each(
    make: Making, receiver: OtlpReceiver
) -> None:
    of_process = msgspec.structs.replace(BATCH, of_process=True)
    for _ in range(2):
        await make(resource={"service.name": "mine"}).deliver(of_process, TYPES)
    await make().deliver(BATCH, TYPES)

    loads = [each.resource for each in named(receiver, "agentbox.load")]
    hits = [each.resource["service.instance.id"] for each in named(receiver, "agentbox.hits")]
    assert loads[0]["service.name"] == "mine"
    assert loads[0]["host.name"]
    assert loads[0]["service.instance.id"] != loads[1]["service.instance.id"]
    assert "service.instance.id" not in loads[2]
    assert len(set(hits)) == 3


async def test_a_large_batch_goes_in_several_requests_and_arrives_whole(
    make: Making, receiver: OtlpReceiver
) -> None:
    batch = large(2500)
    await make().deliver(batch, TYPES)

    assert len(receiver.requests) == 3
    values = {each.attributes["agentbox.environment.id"]: each.point for each in receiver.points()}
    assert {id_: point.as_double for id_, point in values.items()} == {
        str(sample.environment_id): sample.value for sample in batch.samples
    }


async def test_headers_of_the_operator_are_sent(make: Making, receiver: OtlpReceiver) -> None:
    await make(headers={"X-Api-Key": Secret("s3cret")}).deliver(BATCH, TYPES)

    assert receiver.headers[0]["x-api-key"] == "s3cret"
    assert receiver.headers[0]["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/v1/metrics", "/api/v1/otlp", "/api/v1/otlp/"])
async def test_an_endpoint_may_be_named_whole_or_as_far_as_it_is_common(
    make: Making, receiver: OtlpReceiver, path: str
) -> None:
    await make(endpoint=f"{receiver.url}{path}").deliver(BATCH, TYPES)

    assert receiver.paths == [f"{path.rstrip('/').removesuffix('/v1/metrics')}/v1/metrics"]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"endpoint": "127.0.0.1:4318"}, "endpoint is no URL"),
        ({"endpoint": "ftp://127.0.0.1"}, "endpoint is no URL"),
        ({"endpoint": "http://[::1"}, "endpoint is no URL"),
        ({"endpoint": "http://a:99999"}, "endpoint names no host"),
        ({"endpoint": "https://a..b:4318"}, "endpoint names no host"),
        ({"endpoint": "https://a:0"}, "endpoint names no host"),
        ({"endpoint": "https://1.2.3"}, "endpoint names no host"),
        ({"endpoint": "https://a b"}, "endpoint holds a blank"),
        ({"endpoint": "https://otlp.example\n"}, "endpoint holds a blank"),
        ({"endpoint": "http://collector:4318"}, "endpoint is plain http"),
        ({"endpoint": "http://10.0.0.1:4318"}, "endpoint is plain http"),
        ({"endpoint": "http://localhost.example:4318"}, "endpoint is plain http"),
        ({"endpoint": "https://a:b@c"}, "endpoint must hold no user"),
        ({"endpoint": "https://c/?key=1"}, "endpoint must hold no user, query"),
        ({"prefix": "a b"}, "prefix"),
        ({"prefix": "1a"}, "prefix"),
        ({"headers": {"a b": Secret("x")}}, "headers.a b"),
        ({"headers": {"Content-Type": Secret("x")}}, "headers.Content-Type"),
        ({"headers": {"a": Secret("x\r\nb: c")}}, "headers.a holds"),
        ({"headers": {"a": Secret("")}}, "headers.a is empty"),
        ({"resource": {"service.instance.id": "1"}}, "resource.service.instance.id"),
    ],
)
def test_what_could_not_be_sent_is_refused(options: Any, fault: str) -> None:
    (found,) = OtlpOptions(**options).check()
    assert found.startswith(fault)
    assert "c: " not in found


@pytest.mark.parametrize(
    "endpoint", ["https://otlp.example", "http://localhost:4318", "http://[::1]:4318/a"]
)
def test_a_collector_may_be_anywhere_by_https_and_here_by_http(endpoint: str) -> None:
    assert OtlpOptions(endpoint=endpoint).check() == []


def test_what_is_set_by_default_is_right() -> None:
    assert OtlpOptions().check() == []
    assert OtlpOptions().url == "http://127.0.0.1:4318/v1/metrics"
