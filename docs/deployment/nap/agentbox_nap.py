"""A job to watch: whoever holds it writes down who that is, and sleeps."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from agentbox.plugin import Job, hookimpl

AGENTBOX_API = 1
NAPPING = Path("napping")


class Nap(Job):
    name = "nap-long"
    interval = timedelta(seconds=1)
    timeout = timedelta(seconds=4)

    async def run(self, run):
        begin()
        await asyncio.sleep(3)
        end()


def begin():
    NAPPING.write_text(str(os.getpid()))


def end():
    NAPPING.unlink()


@hookimpl
def agentbox_jobs(services):
    return [Nap()]
