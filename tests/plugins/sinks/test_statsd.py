"""The sink `statsd`, to a listener that decodes what arrives."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from agentbox.model.metrics import Batch, Sample
from agentbox_statsd.options import StatsdOptions
from agentbox_statsd.sink import StatsdSink
from tests.plugins.sinks.conftest import BATCH, ENVIRONMENT, TYPES, large
from tests.plugins.sinks.receiving import Line, StatsdListener
from tests.plugins.stand_in import START

NONE: frozenset[str] = frozenset()


def to(listener: StatsdListener, **options: Any) -> StatsdSink:
    return StatsdSink(StatsdOptions(host="127.0.0.1", port=listener.port, **options))


def of(*values: float) -> Batch:
    return Batch(at=START, samples=tuple(Sample("load", value) for value in values))


async def test_gauges_and_counters_arrive_by_name(listener: StatsdListener) -> None:
    await to(listener).deliver(BATCH, TYPES)
    await listener.until(lambda: len(listener.packets) == 1)

    assert listener.lines == [
        Line("agentbox.load", "12.5", "g", NONE),
        Line("agentbox.hits", "3", "c", NONE),
        Line("agentbox.size", "640", "g", NONE),
        Line(f"agentbox.size.{ENVIRONMENT}", "128.25", "g", NONE),
    ]


async def test_dogstatsd_has_environments_as_tags_and_tags_of_the_operator(
    listener: StatsdListener,
) -> None:
    sink = to(listener, dialect="dogstatsd", prefix="box_", tags={"env": "prod", "zone": "a/1"})
    await sink.deliver(BATCH, TYPES)
    await listener.until(lambda: len(listener.packets) == 1)

    always = {"env:prod", "zone:a/1"}
    assert listener.lines == [
        Line("box_load", "12.5", "g", frozenset(always)),
        Line("box_hits", "3", "c", frozenset(always)),
        Line("box_size", "640", "g", frozenset(always)),
        Line("box_size", "128.25", "g", frozenset({*always, f"environment:{ENVIRONMENT}"})),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (5, "5"),
        (1e-9, "0"),
        (0.1 + 0.2, "0.3"),
        (1e22, "10000000000000000000000"),
        (1234567.125, "1234567.125"),
        (100.0, "100"),
    ],
)
async def test_values_have_no_exponent(listener: StatsdListener, value: float, text: str) -> None:
    await to(listener).deliver(of(value), TYPES)
    await listener.until(lambda: len(listener.packets) == 1)

    assert [line.value for line in listener.lines] == [text]


@pytest.mark.parametrize(
    ("dialect", "values"), [("statsd", ["0", "-2.5"]), ("dogstatsd", ["-2.5"])]
)
async def test_a_negative_gauge_is_set_and_not_subtracted(
    listener: StatsdListener, dialect: str, values: list[str]
) -> None:
    await to(listener, dialect=dialect).deliver(of(-2.5, -1e-9), TYPES)
    await listener.until(lambda: len(listener.packets) == 1)

    assert [line.value for line in listener.lines] == [*values, "0"]


async def test_packets_pass_a_network_in_one_piece_and_none_is_lost(
    listener: StatsdListener,
) -> None:
    batch = large(2000)
    await to(listener).deliver(batch, TYPES)
    await listener.until(lambda: len(listener.lines) == 2000)

    sizes = [len(packet) for packet in listener.packets]
    assert max(sizes) <= 1432
    assert min(sizes[:-1]) > 1432 - 60
    names = [line.name for line in listener.lines]
    assert names == [f"agentbox.size.{sample.environment_id}" for sample in batch.samples]


async def test_the_longest_line_fits_into_a_packet(listener: StatsdListener) -> None:
    tags = {f"{'t' * 63}{n}": "v" * 128 for n in range(4)}
    options = StatsdOptions(port=listener.port, prefix="p" * 100, dialect="dogstatsd", tags=tags)
    assert options.check() == []
    name = "x" * 64
    types = {name: TYPES["size"]}
    await StatsdSink(options).deliver(
        Batch(at=START, samples=(Sample(name, -1e200, ENVIRONMENT),)), types
    )
    await listener.until(lambda: len(listener.packets) == 1)

    assert len(listener.packets[0]) <= 1432


async def test_a_large_batch_leaves_the_loop_to_others(listener: StatsdListener) -> None:
    longest, last = 0.0, time.thread_time()  # of the processor, which others need as well
    delivering = asyncio.create_task(to(listener).deliver(large(4000), TYPES))
    while not delivering.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    await delivering

    assert longest < 0.1


# PL-06: nobody listens
async def test_a_port_where_nobody_listens_is_a_batch_that_failed(
    listener: StatsdListener,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = StatsdSink(StatsdOptions(port=port))

    with pytest.raises(ConnectionRefusedError):
        await sink.deliver(large(100), TYPES)
    # And the next one is tried anew, also where somebody listens by then.
    await to(listener).deliver(BATCH, TYPES)
    await listener.until(lambda: len(listener.packets) == 1)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"host": "a b"}, "host"),
        ({"host": "http://127.0.0.1"}, "host"),
        ({"host": "a..b"}, "host"),
        ({"host": f"{'a' * 64}.example"}, "host"),
        ({"prefix": "a:b"}, "prefix"),
        ({"prefix": "a\n"}, "prefix"),
        ({"prefix": "a" * 101}, "prefix"),
        ({"tags": {"a": "b"}}, "tags are known to"),
        ({"dialect": "dogstatsd", "tags": {"a": "b,c"}}, "tags.a"),
        ({"dialect": "dogstatsd", "tags": {"a": ""}}, "tags.a"),
        ({"dialect": "dogstatsd", "tags": {"a|c": "b"}}, "tags.a|c"),
        ({"dialect": "dogstatsd", "tags": {f"t{n}": "x" for n in range(5)}}, "tags are at most 4"),
    ],
)
def test_what_would_be_no_line_is_refused(options: Any, fault: str) -> None:
    (found,) = StatsdOptions(**options).check()
    assert found.startswith(fault)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%eth0", "stats.example.", "stats_1"])
def test_hosts_are_names_and_addresses(host: str) -> None:
    assert StatsdOptions(host=host).check() == []
