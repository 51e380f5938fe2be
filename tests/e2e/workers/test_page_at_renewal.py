"""`[metrics] listen` and `enabled` are edited while a server of two workers runs: its address for
/metrics stays, somebody answers there, and the log says what wants a restart."""

from __future__ import annotations

import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from agentbox.cli.serving.inheritance import Inheritance
from agentbox.config.sections import MetricsSettings
from agentbox.errors import StartError
from tests.e2e.test_process import sign_in, wait_until
from tests.e2e.workers.conftest import Servers
from tests.e2e.workers.looking import events, kill, workers_of
from tests.process import ServerProcess

SETTINGS = """
[plugins]
enabled = ["postgres", "password", "jwt", "apikey", "prometheus"]

[metrics]
"""
LISTEN = 'listen = "127.0.0.1:0"\n'


class Edited:
    """A server and its settings file."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._file = servers.folder / "edited.toml"
        self.server: ServerProcess

    def serve(self, metrics: str) -> ServerProcess:
        """With that in the table `[metrics]`."""
        self.edit(metrics)
        self.server = self._servers.serve("--config", str(self._file))
        return self.server

    def edit(self, metrics: str) -> None:
        self._file.write_text(SETTINGS + metrics)

    def renew(self) -> None:
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: events(self.server, "renewed"), "nobody is renewed", 60)

    def kill_each(self) -> None:
        """And wait each time until another one serves."""
        for worker in workers_of(self.server):
            ready = len(events(self.server, "worker_ready"))
            kill(worker)
            wait_until(
                lambda: len(events(self.server, "worker_ready")) > ready,  # noqa: B023
                "nobody takes the place of the killed",
                60,
            )

    @property
    def own(self) -> str:
        """Where /metrics alone is served."""
        (line,) = events(self.server, "metrics_listening")
        return str(line["url"])

    @property
    def warned(self) -> list[tuple[int, str | None, str | None]]:
        """Which workers said that another address wants a restart, which, and where it is."""
        lines = events(self.server, "metrics_listen_needs_restart")
        return sorted((line["worker"], line["configured"], line["listen"]) for line in lines)


@pytest.fixture
def edited(servers: Servers) -> Edited:
    return Edited(servers)


@pytest.fixture
def other() -> Iterator[str]:
    """An address that nobody listens at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def answered(url: str, **headers: str) -> set[int]:
    """The statuses of some requests for the page, whichever of the workers answers."""
    return {status(urllib.request.Request(f"{url}/metrics", headers=headers)) for _ in range(20)}


def status(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_an_address_that_is_taken_out_goes_on(edited: Edited) -> None:
    server = edited.serve(LISTEN)
    edited.edit("")
    edited.renew()

    assert answered(edited.own) == {200}
    assert answered(server.url, **sign_in(server.url)) == {404}
    assert server.stop() == 0
    assert edited.warned == [(1, None, "127.0.0.1:0"), (2, None, "127.0.0.1:0")]


def test_an_address_that_is_put_in_wants_a_restart_also_when_workers_die(
    edited: Edited, other: str
) -> None:
    server = edited.serve("")
    edited.edit(f'listen = "{other}"\n')
    edited.kill_each()

    assert answered(server.url) == {401}
    assert answered(server.url, **sign_in(server.url)) == {200}
    assert server.stop() == 0
    assert edited.warned == [(1, other, None), (2, other, None)]


def test_where_nothing_is_measured_any_more_there_is_no_page_and_an_answer(edited: Edited) -> None:
    server = edited.serve(LISTEN)
    edited.edit(f"{LISTEN}enabled = false\n")
    edited.renew()

    assert answered(edited.own) == {404}
    assert server.stop() == 0
    told = [
        (line["worker"], line["listen"]) for line in events(edited.server, "nobody_shows_metrics")
    ]
    assert sorted(told) == [(1, "127.0.0.1:0"), (2, "127.0.0.1:0")]
    assert edited.warned == []


@pytest.mark.parametrize(
    ("taken", "configured", "moves"),
    [
        (None, None, False),
        (None, "127.0.0.1:9464", True),
        ("127.0.0.1:9464", None, True),
        ("127.0.0.1:9464", "127.0.0.1:9465", True),
        ("127.0.0.1:9464", "127.0.0.2:9464", True),
        ("localhost:0", "LOCALHOST:0", False),
    ],
)
def test_another_address_is_told_from_another_way_to_write_it(
    taken: str | None, configured: str | None, moves: bool
) -> None:
    inheritance = Inheritance(1, 2, 3, 4, None, (5,), (), taken)
    for enabled in (True, False):
        metrics = MetricsSettings(enabled=enabled, listen=configured)
        settings: Any = SimpleNamespace(metrics=metrics)

        # Where nothing is measured there is no page to look for elsewhere.
        assert inheritance.moves_page(settings) == (moves and enabled)


@pytest.mark.parametrize("listen", [None, "[::1]:9464"])
def test_what_a_worker_inherits_is_read_as_it_was_written(listen: str | None) -> None:
    with socket.socket() as one, socket.socket() as other:
        page = () if listen is None else (other.fileno(),)
        common = one.fileno()
        given = Inheritance(1, 2, common, common, None, (common,), page, listen)

        assert Inheritance.parse(str(given)) == given


@pytest.mark.parametrize("text", ["", "1,2", "1,2,x,4,-1,0@127.0.0.1:1"])
def test_what_no_supervisor_writes_is_refused(text: str) -> None:
    with pytest.raises(StartError, match="for workers"):
        Inheritance.parse(text)
