"""The bundled sources and the sink `database` keep the contract, by the suites for authors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from agentbox.core.host_services import HostServices
from agentbox.model.environments import EnvironmentReport, RunningEnvironment
from agentbox.model.ids import new_id
from agentbox.plugin import Family, Services, Storage
from agentbox.testing import (
    MetricSinkSuite,
    MetricSourceSuite,
    OfferedSink,
    OfferedSource,
    PlainServices,
)
from agentbox_metrics.descriptor import SINKS, SOURCES
from agentbox_prometheus.descriptor import PROMETHEUS, PrometheusOptions

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Requests:
    """Readings of a process that answered some."""

    def offer(self, families: object) -> None:
        """Takes whatever a sink wants to show."""

    async def of_server(self) -> list[Family]:
        return self.of_process()

    def of_process(self) -> list[Family]:
        return [
            Family(
                name="logins",
                kind="counter",
                description="",
                labels=("outcome",),
                values={("ok",): 3.0, ("refused",): 1.0},
            )
        ]


def running() -> RunningEnvironment:
    """An environment that has reported."""
    id_ = new_id()
    report = EnvironmentReport(environment_id=id_, reported_at=NOW, cpu_millicores=125.0)
    return RunningEnvironment(id=id_, created_at=NOW, started_at=NOW, report=report)


class TestSources(MetricSourceSuite):
    """All of them."""

    @pytest.fixture(params=[each.name for each in SOURCES])
    def offered(self, request: pytest.FixtureRequest, storage: Storage) -> OfferedSource:
        (kind,) = (each for each in SOURCES if each.name == request.param)
        services: Callable[[], Services] = lambda: PlainServices(  # noqa: E731
            "metrics", storage=storage, readings=Requests(), environments=[running()]
        )
        return OfferedSource(plugin="metrics", type=kind, services=services)


class TestDatabase(MetricSinkSuite):
    """On the database of this pass."""

    @pytest.fixture
    def offered(self, services: HostServices) -> OfferedSink:
        return OfferedSink(type=SINKS[0], services=lambda: services)


class TestPrometheus(MetricSinkSuite):
    """What the page shows of it, the page's own tests say."""

    @pytest.fixture(params=[False, True])
    def offered(self, request: pytest.FixtureRequest) -> OfferedSink:
        options = PrometheusOptions(per_environment=request.param)
        return OfferedSink(
            type=PROMETHEUS,
            services=lambda: PlainServices("prometheus", options, readings=Requests()),
        )
