"""Three real `agentbox serve` on one Postgres, each on a port of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.deployment.shipped import PORTS, free_ports, text_of, variables
from tests.process import STRONG_PASSWORD, ServerProcess, agentbox, environment

JOB = "nap-long"
DATABASE = "postgresql://agentbox@/agentbox?host=/run/postgresql"


@dataclass
class Replicas:
    """Servers by port; each can be ended and started again."""

    folder: Path
    environment: Mapping[str, str]
    ports: Sequence[int]
    servers: dict[int, ServerProcess] = field(default_factory=dict)
    ended: list[ServerProcess] = field(default_factory=list)

    def start(self, port: int) -> None:
        """One more, ready when this returns."""
        server = ServerProcess(self.folder, "--port", str(port), env=self.environment)
        if port in self.servers:
            self.ended.append(self.servers[port])
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

    def lines(self) -> Sequence[str]:
        """What went wrong, by the logs of all that ran."""
        return [
            f"{server.pid}: {line}"
            for server in [*self.ended, *self.servers.values()]
            for line in server.lines
            if '"status":20' not in line and '"info"' not in line
        ]

    @property
    def holder(self) -> int | None:
        """The process that has the plugin's job, or had it when it died."""
        try:
            return int((self.folder / "napping").read_text() or 0) or None
        except FileNotFoundError:
            return None


def settings(folder: Path, dsn: str) -> dict[str, str]:
    """The shipped environment file, with a secret, another database and a password to sign in."""
    secret = agentbox(folder, "secret", "new").stdout.strip()
    return variables(text_of("agentbox.env", {DATABASE: dsn})) | {
        "AGENTBOX_SECRET_KEY": secret,
        "AGENTBOX_ADMIN_PASSWORD": STRONG_PASSWORD,
    }


def with_nap(folder: Path) -> dict[str, str]:
    """What makes a server run the job of docs/deployment/nap besides."""
    site = folder / "site"
    about = site / "agentbox_nap-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: agentbox-nap\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[agentbox]\nnap = agentbox_nap\n")
    (site / "agentbox_nap.py").write_text(text_of("nap/agentbox_nap.py"))
    return {
        "PYTHONPATH": str(site),
        "AGENTBOX_PLUGINS__ENABLED": "postgres,password,jwt,apikey,nap",
    }


@contextmanager
def running_replicas(folder: Path, dsn: str) -> Iterator[Replicas]:
    """Three of them, ended at the end whatever happens."""
    found = environment(**settings(folder, dsn), **with_nap(folder))
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
