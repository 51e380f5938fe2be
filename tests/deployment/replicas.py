"""Three real `agentbox serve` on one Postgres, each on a port of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.deployment.shipped import PORTS, free_ports, text_of, variables
from tests.process import STRONG_PASSWORD, ServerProcess, agentbox, environment

JOB = "held-job"
DATABASE = "postgresql://agentbox@/agentbox?host=/run/postgresql"

PLUGIN = '''
import asyncio
import os
from datetime import timedelta
from pathlib import Path

from agentbox.plugin import Job, hookimpl

AGENTBOX_API = 1


class Held(Job):
    """Is nearly always held by somebody, and writes down by whom."""

    name = "held-job"
    interval = timedelta(seconds=1)
    timeout = timedelta(seconds=2)

    async def run(self, run):
        with Path(os.environ["HELD_BY"]).open("a") as file:
            file.write(f"{os.getpid()}\\n")
        await asyncio.sleep(1.5)


@hookimpl
def agentbox_jobs(services):
    return [Held()]
'''


@dataclass
class Replicas:
    """Servers by port; each can be ended and started again."""

    folder: Path
    environment: Mapping[str, str]
    ports: Sequence[int]
    servers: dict[int, ServerProcess] = field(default_factory=dict)

    def start(self, port: int) -> None:
        """One more, ready when this returns."""
        server = ServerProcess(self.folder, "--port", str(port), env=self.environment)
        self.servers[port] = server
        server.wait_until_listening()

    def restart(self, port: int) -> None:
        """As `systemctl restart` does it."""
        assert self.servers[port].stop(signal.SIGTERM) == 0, self.servers[port].lines
        self.start(port)

    def kill(self, port: int) -> None:
        """As a machine that loses power does it; it is gone when this returns."""
        assert self.servers[port].stop(signal.SIGKILL) == -signal.SIGKILL

    def port_of(self, pid: int) -> int:
        """The port of the process."""
        return next(port for port, server in self.servers.items() if server.pid == pid)

    def holders(self) -> Sequence[int]:
        """The processes that ran the plugin's job, one after the other."""
        file = Path(self.environment["HELD_BY"])
        return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def settings(folder: Path, dsn: str) -> dict[str, str]:
    """The shipped environment file, with a secret, another database and a password to sign in."""
    secret = agentbox(folder, "secret", "new").stdout.strip()
    return variables(text_of("agentbox.env", {DATABASE: dsn})) | {
        "AGENTBOX_SECRET_KEY": secret,
        "AGENTBOX_ADMIN_PASSWORD": STRONG_PASSWORD,
    }


def with_held_job(folder: Path) -> dict[str, str]:
    """What makes a server run the plugin's job besides."""
    site = folder / "site"
    about = site / "agentbox_held-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: agentbox-held\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[agentbox]\nheld = agentbox_held\n")
    (site / "agentbox_held.py").write_text(PLUGIN)
    return {
        "PYTHONPATH": str(site),
        "HELD_BY": str(folder / "held-by"),
        "AGENTBOX_PLUGINS__ENABLED": "postgres,password,jwt,apikey,held",
    }


@contextmanager
def running_replicas(folder: Path, dsn: str) -> Iterator[Replicas]:
    """Three of them, ended at the end whatever happens."""
    found = environment(**settings(folder, dsn), **with_held_job(folder))
    replicas = Replicas(folder, found, free_ports(len(PORTS)))
    with ExitStack() as stack:
        stack.callback(_end, replicas)
        for port in replicas.ports:
            replicas.start(port)
        yield replicas


def _end(replicas: Replicas) -> None:
    for server in replicas.servers.values():
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
