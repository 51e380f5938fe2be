"""Replicas come and go behind a real proxy, and those who ask don't notice."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import pytest

from tests.deployment.load import API, Load, Outcome, steady_load
from tests.deployment.proxies import Proxy, haproxy, nginx
from tests.deployment.replicas import JOB, Replicas, running_replicas
from tests.e2e.test_process import call, sign_in, wait_until
from tests.postgres import Postgres
from tests.scale import scaled

LEASE = 10.0
"""Seconds for which a holder that died still has its job."""


class Deployment(NamedTuple):
    """Three replicas, and both proxies in front of them."""

    replicas: Replicas
    proxies: Sequence[Proxy]
    postgres: Postgres
    dsn: str
    token: str
    key: str

    def job(self) -> tuple[int, bool]:
        """The fence of the plugin's job, and whether somebody holds it."""
        query = f"SELECT fence, lease_until IS NOT NULL FROM jobs WHERE name = '{JOB}'"
        database = self.dsn.rpartition("?")[0].rpartition("/")[2]
        ((fence, held),) = self.postgres.run(query, database=database)
        return fence, held

    @asynccontextmanager
    async def loaded(self) -> AsyncIterator[Sequence[Load]]:
        """Steady requests through both proxies."""
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(steady_load(proxy, token=self.token, key=self.key))
                for proxy in self.proxies
            ]

    def names_of_keys(self) -> list[str]:
        """All keys that were made, from the database."""
        database = self.dsn.rpartition("?")[0].rpartition("/")[2]
        return [
            name for (name,) in self.postgres.run("SELECT name FROM api_keys", database=database)
        ]


@pytest.fixture(scope="module")
def deployment(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    with postgres.database() as dsn, running_replicas(folder, dsn) as replicas:
        with haproxy(folder, replicas.ports) as first, nginx(folder, replicas.ports) as second:
            url = f"http://127.0.0.1:{replicas.ports[0]}"
            bearer = sign_in(url)
            status, made = call(f"{url}{API}/api-keys", "POST", {"name": "load"}, **bearer)
            assert status == 201
            token = bearer["Authorization"].removeprefix("Bearer ")
            yield Deployment(replicas, (first, second), postgres, dsn, token, made["key"])


async def test_rolling_restarts_fail_no_request(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    # OP-04: one replica after the other is restarted, under load through both proxies.
    async with deployment.loaded() as loads:
        for _ in range(scaled(1)):
            for port in deployment.replicas.ports:
                await asyncio.to_thread(deployment.replicas.restart, port)
    with capsys.disabled():
        print("\n", *(load.told() for load in loads), sep="\n")
    for load in loads:
        assert load.failures == [], deployment.replicas.lines()
        assert len(load.outcomes) > scaled(300)
    assert_written_once(deployment, loads)


async def test_a_kill_of_the_holder_of_a_job_fails_only_what_was_in_flight_there(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(scaled(1)):
        async with deployment.loaded() as loads:
            killed = await kill_a_holder(deployment)
            await asyncio.to_thread(deployment.replicas.start, killed.port)
            moved = await asyncio.to_thread(wait_until_taken, deployment, killed)
        with capsys.disabled():
            print(f"\nkilled {killed.pid}; another replica had its job {moved:.1f} s later")
            for load in loads:
                print(load.told(), f"{len(killed.in_flight(load))} in flight there", sep="; ")
        for load in loads:
            unexplained = set(load.failures) - set(killed.in_flight(load))
            assert unexplained == set(), deployment.replicas.lines()
        assert_written_once(deployment, loads)


async def test_haproxy_sends_nothing_new_to_a_replica_that_hangs(deployment: Deployment) -> None:
    proxy, _ = deployment.proxies
    port = deployment.replicas.ports[0]
    process = deployment.replicas.servers[port].process
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.to_thread(
            wait_until, lambda: "Layer7 timeout" in proxy.log.read_text(), "nobody noticed", 20.0
        )
        async with steady_load(proxy, token=deployment.token, key=deployment.key) as load:
            await asyncio.to_thread(wait_until, lambda: len(load.outcomes) > 50, "no requests", 20)
    finally:
        process.send_signal(signal.SIGCONT)
    assert load.failures == []
    asked = proxy.asked()
    assert str(port) not in {asked[each.id] for each in load.outcomes}


class Killed(NamedTuple):
    """A replica that was killed while it held the job, and between which moments it died."""

    port: int
    pid: int
    fence: int
    sent: float
    gone: float

    def in_flight(self, load: Load) -> Sequence[Outcome]:
        """What the proxy had sent there, and was neither answered before nor begun after.

        HAProxy has no line of those for whom it closes a kept connection without a word, as it
        does when the replica's own ends before the answer.
        """
        asked = load.proxy.asked()
        return [
            each
            for each in load.outcomes
            if each.began <= self.gone
            and each.ended >= self.sent
            and str(self.port) in asked.get(each.id, str(self.port))
        ]


async def kill_a_holder(deployment: Deployment) -> Killed:
    """Kill whoever has just begun with the job; again, should it have given the job back."""
    replicas = deployment.replicas
    while True:
        await asyncio.to_thread(wait_until, lambda: replicas.holder is None, "nobody gave it back")
        await asyncio.to_thread(wait_until, lambda: replicas.holder, "nobody took it")
        fence, _ = deployment.job()
        pid = replicas.holder
        if pid is None:
            continue
        port = replicas.port_of(pid)
        sent = time.monotonic()
        await asyncio.to_thread(replicas.kill, port)
        gone = time.monotonic()
        if deployment.job() == (fence, True):
            return Killed(port, pid, fence, sent, gone)
        await asyncio.to_thread(replicas.start, port)


def wait_until_taken(deployment: Deployment, killed: Killed) -> float:
    """Seconds from the kill until another process had the job."""
    replicas = deployment.replicas
    wait_until(lambda: replicas.holder not in {None, killed.pid}, "nobody took it", 2 * LEASE)
    assert deployment.job()[0] > killed.fence
    return time.monotonic() - killed.gone


def assert_written_once(deployment: Deployment, loads: Sequence[Load]) -> None:
    """What was answered is there, and nothing is there twice: no proxy sends a POST again."""
    names = deployment.names_of_keys()
    assert len(names) == len(set(names))
    for load in loads:
        assert set(load.written) <= set(names)
