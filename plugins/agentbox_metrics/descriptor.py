"""What is offered, by name. What each needs is imported when it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from agentbox.plugin import MetricSinkType, MetricSourceType, Services


@asynccontextmanager
async def _reports(services: Services) -> AsyncIterator[object]:
    from agentbox_metrics.reports import Reports

    yield Reports(services)


@asynccontextmanager
async def _totals(services: Services) -> AsyncIterator[object]:
    from agentbox_metrics.totals import Totals

    yield Totals(services)


@asynccontextmanager
async def _host(services: Services) -> AsyncIterator[object]:
    from agentbox_metrics.host import Host

    yield Host(services.storage.default_secret_path)


@asynccontextmanager
async def _self(services: Services) -> AsyncIterator[object]:
    from agentbox_metrics.own import Own

    yield Own(services.readings)


@asynccontextmanager
async def _database(services: Services) -> AsyncIterator[object]:
    from agentbox_metrics.database import Database

    yield Database(services.storage)


SOURCES: Final = (
    MetricSourceType(
        name="reports", open=_reports, description="What environments reported of themselves."
    ),
    MetricSourceType(
        name="totals", open=_totals, description="How many users, sessions, keys and environments."
    ),
    MetricSourceType(name="host", open=_host, description="Load of the machine, by psutil."),
    MetricSourceType(name="self", open=_self, description="What each process of agentbox does."),
)

SINKS: Final = (
    MetricSinkType(
        name="database", open=_database, description="The series that charts are drawn from."
    ),
)
