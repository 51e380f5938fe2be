"""A StatsD listener and an OTLP receiver, which decode what arrives and refuse what is none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from tests.openid.fake_provider import Answerer, listening

_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9_.-]+):(?P<value>-?[0-9]+(?:\.[0-9]+)?)\|(?P<kind>[gc])"
    r"(?:\|#(?P<tags>[A-Za-z][A-Za-z0-9_./-]*:[A-Za-z0-9_./-]+(?:,[^,|#]+)*))?"
)


class Line(NamedTuple):
    """One line of StatsD."""

    name: str
    value: str
    kind: str
    tags: frozenset[str]


def decoded(packet: bytes) -> list[Line]:
    """The lines of a packet. Raises AssertionError for what a server would drop."""
    lines = []
    for text in packet.decode("ascii").split("\n"):
        found = _LINE.fullmatch(text)
        assert found is not None, text
        tags = frozenset(found["tags"].split(",")) if found["tags"] else frozenset()
        lines.append(Line(found["name"], found["value"], found["kind"], tags))
    return lines


class StatsdListener(asyncio.DatagramProtocol):
    """Keeps packets."""

    def __init__(self) -> None:
        self.port = 0
        self.packets: list[bytes] = []
        self._changed = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.packets.append(data)
        self._changed.set()

    @property
    def lines(self) -> list[Line]:
        return [line for packet in self.packets for line in decoded(packet)]

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait for packets until there are enough; at most 20 s."""
        async with asyncio.timeout(20):
            while not enough():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def statsd_listener() -> AsyncIterator[StatsdListener]:
    """One that listens on a port of its own."""
    loop = asyncio.get_running_loop()
    socket, listener = await loop.create_datagram_endpoint(
        StatsdListener, local_addr=("127.0.0.1", 0)
    )
    listener.port = socket.get_extra_info("sockname")[1]
    try:
        yield listener
    finally:
        socket.close()


class Point(NamedTuple):
    """A point of a metric and whose it is: attributes of the resource and of the point."""

    metric: Metric
    point: NumberDataPoint
    resource: Mapping[str, str]
    attributes: Mapping[str, str]


async def accept(request: web.Request) -> web.StreamResponse:
    """All of it was taken."""
    return web.json_response({})


class OtlpReceiver:
    """Keeps requests, and answers as it is told: `answers` one after the other, then `answer`."""

    def __init__(self) -> None:
        self.port = 0
        self.answer: Answerer = accept
        self.answers: list[Answerer] = []
        self.requests: list[ExportMetricsServiceRequest] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A collector's part, by the messages of opentelemetry-proto: other names are refused."""
        assert request.content_type == "application/json"
        text = await request.text()
        self.requests.append(json_format.Parse(text, ExportMetricsServiceRequest()))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.paths.append(request.raw_path)
        self._changed.set()
        return await (self.answers.pop(0) if self.answers else self.answer)(request)

    def points(self) -> list[Point]:
        """All points of all requests."""
        return [
            Point(metric, point, _plain(of_resource.resource), _plain(point))
            for request in self.requests
            for of_resource in request.resource_metrics
            for scope in of_resource.scope_metrics
            for metric in scope.metrics
            for point in (*metric.gauge.data_points, *metric.sum.data_points)
        ]

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait for requests until there are enough; at most 20 s."""
        async with asyncio.timeout(20):
            while not enough():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def otlp_receiver() -> AsyncIterator[OtlpReceiver]:
    """One that listens on a port of its own."""
    receiver = OtlpReceiver()
    async with listening(receiver.handle) as receiver.port:
        yield receiver


def _plain(of: object) -> dict[str, str]:
    return {each.key: each.value.string_value for each in of.attributes}  # type: ignore[attr-defined]
