"""Appends all that is measured to the file `[plugins.csv] path`."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from agentbox.plugin import MetricSink, MetricSinkType, Options, hookimpl

AGENTBOX_API = 1


class CsvOptions(Options, frozen=True):
    path: Path


class CsvSink(MetricSink):
    def __init__(self, path):
        self.path = path

    async def deliver(self, batch, types):
        at = batch.at.isoformat()
        lines = [f"{at},{s.type},{s.environment_id or ''},{s.value}\n" for s in batch.samples]
        await asyncio.to_thread(self.append, "".join(lines))

    def append(self, text):
        with self.path.open("a") as file:
            file.write(text)


@asynccontextmanager
async def open_csv(services):
    yield CsvSink(services.options.path)


@hookimpl
def agentbox_metric_sink_types():
    return [MetricSinkType(name="csv", open=open_csv, options=CsvOptions)]
