"""Measures how many files wait in the folder `[plugins.spool] folder`."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from agentbox.model.metrics import MetricType, Sample
from agentbox.plugin import MetricSource, MetricSourceType, Options, hookimpl

AGENTBOX_API = 1

FILES = MetricType(name="spool_files", unit="count", description="Files that wait.")


class SpoolOptions(Options, frozen=True):
    folder: Path


class SpoolSource(MetricSource):
    def __init__(self, folder):
        self.folder = folder

    @property
    def types(self):
        return [FILES]

    async def collect(self, now):
        return [Sample(FILES.name, await asyncio.to_thread(self.count))]

    def count(self):
        return sum(1 for _ in self.folder.iterdir())


@asynccontextmanager
async def open_spool(services):
    yield SpoolSource(services.options.folder)


@hookimpl
def agentbox_metric_source_types():
    return [MetricSourceType(name="spool", open=open_spool, options=SpoolOptions)]
