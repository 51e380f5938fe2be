"""A plugin with a source that takes its time and a sink, both of which write down what they do."""

from __future__ import annotations

from pathlib import Path

SOURCE = '''
import asyncio
import os
from contextlib import asynccontextmanager

from agentbox.model.metrics import MetricType, Sample
from agentbox.plugin import (
    MetricSink, MetricSinkType, MetricSource, MetricSourceType, Options, hookimpl,
)

AGENTBOX_API = 1


class TickOptions(Options, frozen=True):
    file: str
    seconds: float = 1.0


def note(options, *words):
    """One line, whole: appended by one write."""
    line = " ".join(str(word) for word in (*words, os.getpid())) + "\\n"
    number = os.open(options.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(number, line.encode())
    finally:
        os.close(number)


class Slow(MetricSource):
    types = (MetricType(name="ticks_seen", unit="count", description="One."),)

    def __init__(self, options):
        self.options = options

    async def collect(self, now):
        note(self.options, "collects", now.timestamp())
        await asyncio.sleep(self.options.seconds)
        return [Sample("ticks_seen", 1.0)]


class Noting(MetricSink):
    def __init__(self, options):
        self.options = options

    async def deliver(self, batch, types):
        if not batch.of_process:
            note(self.options, "delivers", batch.at.timestamp())


@asynccontextmanager
async def slow(services):
    yield Slow(services.options)


@asynccontextmanager
async def noting(services):
    yield Noting(services.options)


@hookimpl
def agentbox_metric_source_types():
    return [MetricSourceType(name="ticks", open=slow, options=TickOptions)]


@hookimpl
def agentbox_metric_sink_types():
    return [MetricSinkType(name="ticks", open=noting, options=TickOptions)]
'''


def with_noted_ticks(folder: Path, seconds: float) -> dict[str, str]:
    """Settings of a server with the plugin, installed in a folder of its own."""
    about = folder / "site" / "agentbox_ticks-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: agentbox-ticks\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[agentbox]\nticks = agentbox_ticks\n")
    (folder / "site" / "agentbox_ticks.py").write_text(SOURCE)
    return {
        "PYTHONPATH": str(folder / "site"),
        "AGENTBOX_PLUGINS__ENABLED": "postgres,password,jwt,apikey,ticks",
        "AGENTBOX_PLUGINS__TICKS__FILE": str(notes_in(folder)),
        "AGENTBOX_PLUGINS__TICKS__SECONDS": str(seconds),
    }


def notes_in(folder: Path) -> Path:
    """Where it writes."""
    return folder / "ticks.txt"
