"""A plugin with a job that takes its time, for servers that are processes of their own."""

from __future__ import annotations

from pathlib import Path

from tests.backend import database_in
from tests.process import environment

SOURCE = """
import asyncio
from datetime import timedelta

from agentbox.plugin import Job, Options, hookimpl

AGENTBOX_API = 1


class SlowOptions(Options, frozen=True):
    seconds: float = 1.0
    stubborn: bool = False


AGENTBOX_OPTIONS = SlowOptions


class Work(Job):
    name = "slow-work"
    description = "Takes its time."
    interval = timedelta(days=1)
    timeout = timedelta(minutes=10)

    def __init__(self, seconds, stubborn):
        self.seconds = seconds
        self.stubborn = stubborn

    async def run(self, run):
        async with run.transaction() as tx:
            await tx.markers.claim("slow-begun", "x")
        while self.stubborn:
            try:
                await asyncio.sleep(self.seconds)
            except BaseException:
                pass
        await asyncio.sleep(self.seconds)
        async with run.transaction() as tx:
            await tx.markers.claim("slow-done", "x")


@hookimpl
def agentbox_jobs(services):
    return [Work(services.options.seconds, services.options.stubborn)]
"""


def with_slow_job(
    folder: Path, seconds: float, password: str, *, stubborn: bool = False
) -> dict[str, str]:
    """The environment of a server with the plugin, installed in a folder of its own.

    A stubborn job goes on for ever, whoever cancels it.
    """
    site = folder / "site"
    about = site / "agentbox_slow-1.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: agentbox-slow\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[agentbox]\nslow = agentbox_slow\n")
    (site / "agentbox_slow.py").write_text(SOURCE)
    storage = database_in(folder).name
    return environment(
        PYTHONPATH=str(site),
        AGENTBOX_ADMIN_PASSWORD=password,
        AGENTBOX_PLUGINS__ENABLED=f"{storage},password,jwt,apikey,slow",
        AGENTBOX_PLUGINS__SLOW__SECONDS=str(seconds),
        AGENTBOX_PLUGINS__SLOW__STUBBORN=str(stubborn).lower(),
    )
