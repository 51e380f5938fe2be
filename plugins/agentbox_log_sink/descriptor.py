"""What the sink is called, what can be set, and how it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from agentbox.plugin import MetricSinkType, Options, Services


class LogSinkOptions(Options, frozen=True):
    """`[plugins.log]`"""

    environments: bool = False


@asynccontextmanager
async def _open(services: Services) -> AsyncIterator[object]:
    from agentbox_log_sink.sink import LogSink

    options: LogSinkOptions = services.options
    yield LogSink(services.log, environments=options.environments)


LOG_SINK: Final = MetricSinkType(
    name="log",
    open=_open,
    options=LogSinkOptions,
    description="A line of the log for each tick.",
)
