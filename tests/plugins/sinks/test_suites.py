"""The sinks of this distribution keep the contract, as the suite for authors has it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from agentbox.plugin import Outgoing
from agentbox.testing import MetricSinkSuite, OfferedSink, PlainServices
from agentbox.web.outgoing.client import OutgoingHttp
from agentbox_log_sink.descriptor import LOG_SINK, LogSinkOptions
from agentbox_otlp.descriptor import OTLP_SINK
from agentbox_otlp.options import OtlpOptions
from agentbox_statsd.descriptor import STATSD_SINK
from agentbox_statsd.options import StatsdOptions
from tests.plugins.sinks.receiving import OtlpReceiver, StatsdListener


class TestLog(MetricSinkSuite):
    """A log can't be away."""

    @pytest.fixture(params=[False, True])
    def offered(self, request: pytest.FixtureRequest) -> OfferedSink:
        options = LogSinkOptions(environments=request.param)
        return OfferedSink(type=LOG_SINK, services=lambda: PlainServices("log", options))


class TestStatsd(MetricSinkSuite):
    """Whether somebody listens is not always known, so nothing is unreachable."""

    @pytest.fixture(params=["statsd", "dogstatsd"])
    def offered(self, request: pytest.FixtureRequest, listener: StatsdListener) -> OfferedSink:
        options = StatsdOptions(port=listener.port, dialect=request.param)
        return OfferedSink(type=STATSD_SINK, services=lambda: PlainServices("statsd", options))


class TestOtlp(MetricSinkSuite):
    """To a receiver that knows the messages."""

    @pytest.fixture
    async def outgoing(self) -> AsyncIterator[Outgoing]:
        async with OutgoingHttp.opened() as opened:
            yield opened

    @pytest.fixture
    def nobody(self) -> Iterator[str]:
        """Where nobody listens, and nobody else can."""
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            yield f"http://127.0.0.1:{held.getsockname()[1]}"

    @pytest.fixture(params=["cumulative", "delta"])
    def offered(
        self,
        request: pytest.FixtureRequest,
        receiver: OtlpReceiver,
        outgoing: Outgoing,
        nobody: str,
    ) -> OfferedSink:
        def services(endpoint: str) -> PlainServices:
            options = OtlpOptions(endpoint=endpoint, temporality=request.param)
            return PlainServices("otlp", options, outgoing=outgoing)

        return OfferedSink(
            type=OTLP_SINK,
            services=lambda: services(receiver.url),
            unreachable=lambda: services(nobody),
        )
