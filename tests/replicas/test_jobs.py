"""Jobs of three processes: each tick runs once, whoever is killed or frozen.

At scale 1 a lease lasts 2 s; at scale 10 it is as long as in a server.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from agentbox.core.background.scheduler import LEASE
from agentbox.model.jobs import Lease
from agentbox.testing.samples import HOUR, NOON
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.postgres import Postgres
from tests.process import environment
from tests.replicas.cluster import name_of
from tests.scale import SCALE

SECONDS = 2.0 if SCALE == 1 else LEASE.total_seconds()
SCRIPT = Path(__file__).with_name("ticking.py")


class Ticking:
    """Processes that tick, and what they print, in the order in which it came."""

    def __init__(self, dsn: str, moment: str) -> None:
        self.lines: Queue[tuple[int, list[str]]] = Queue()
        self.processes = [self._begin(number, dsn, moment) for number in range(3)]

    def _begin(self, number: int, dsn: str, moment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), dsn, str(SECONDS), moment],
            env=environment(PYTHONPATH=str(SCRIPT.parents[2])),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                self.lines.put((number, line.split()))

        threading.Thread(target=read, daemon=True).start()
        return process

    def wait_for(self, word: str, *, of: int | None = None, but: int | None = None) -> int:
        """Which process says so next."""
        deadline = time.monotonic() + 40
        while True:
            try:
                number, words = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"nobody says {word!r}") from None
            if words[:1] == [word] and of in (None, number) and number != but:
                return number

    def send(self, number: int, what: signal.Signals) -> None:
        self.processes[number].send_signal(what)


@contextmanager
def ticking(dsn: str, moment: str = "between") -> Iterator[Ticking]:
    """Three of them; ended at the end."""
    PostgresStorage(dsn).migrate(own_folders())
    three = Ticking(dsn, moment)
    try:
        yield three
    finally:
        for process in three.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def rows(postgres: Postgres, dsn: str, event: str, name: str) -> list[Any]:
    """One detail of each row of the event, in the order in which they were written."""
    found = postgres.run(
        f"SELECT details::json ->> '{name}' FROM audit WHERE event = '{event}' ORDER BY seq",
        database=name_of(dsn),
    )
    return [row[0] for row in found]


# SC-01, SC-02: another job hangs meanwhile, for the ten minutes that it has
def test_each_tick_runs_once_and_the_loss_of_a_holder_is_repaired(
    postgres: Postgres, fresh_dsn: str
) -> None:
    with ticking(fresh_dsn) as three:
        for _ in range(3):
            three.wait_for("started")
        holder = three.wait_for("wrote")
        three.send(holder, signal.SIGKILL)
        killed = time.monotonic()
        three.wait_for("holds", but=holder)
        repaired = time.monotonic() - killed

        assert repaired < 15
        # Not sooner than the lease says, but for the third of it that had gone by.
        assert SECONDS * 0.6 < repaired < SECONDS + 3
    ticks = rows(postgres, fresh_dsn, "test.tick", "due")
    assert len(ticks) >= 5
    assert len(ticks) == len(set(ticks))


# SC-01: at any scale between two transactions; at scale 10 in the middle of one as well, where the
# database waits ten seconds before it ends the transaction
@pytest.mark.parametrize("moment", ["between"] if SCALE == 1 else ["between", "inside"])
def test_a_holder_that_was_frozen_writes_nothing_any_more(
    postgres: Postgres, fresh_dsn: str, moment: str
) -> None:
    with ticking(fresh_dsn, moment) as three:
        holder = three.wait_for("wrote")
        three.wait_for("wrote", of=holder)  # so that one row of its is there for certain
        three.send(holder, signal.SIGSTOP)
        frozen = time.monotonic()
        three.wait_for("holds", but=holder)
        repaired = time.monotonic() - frozen
        three.wait_for("wrote", but=holder)
        three.send(holder, signal.SIGCONT)
        three.wait_for("lost", of=holder)
        three.wait_for("wrote", but=holder)

    assert repaired < 15
    fences = [int(fence) for fence in rows(postgres, fresh_dsn, "test.long", "fence")]
    assert fences == sorted(fences)
    assert len(set(fences)) == 2


# SC-01: what a run writes does not keep it from saying that it is alive
async def test_a_lease_is_renewed_while_its_holder_is_in_the_middle_of_a_transaction(
    fresh_dsn: str,
) -> None:
    storage = PostgresStorage(fresh_dsn)
    storage.migrate(own_folders())
    async with storage.open():
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            lease = await tx.jobs.claim("job", NOON, NOON + HOUR)
        assert lease == Lease("job", 1)
        async with storage.transaction(lease=lease):
            async with storage.transaction() as tx:
                assert await tx.jobs.renew(lease, NOON + 2 * HOUR)
        async with storage.transaction() as tx:
            assert await tx.jobs.claim("job", NOON + HOUR, NOON + 3 * HOUR) is None
