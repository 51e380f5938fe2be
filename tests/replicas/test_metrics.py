"""Replicas that collect: one of them for everybody, and another one when it dies over it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.process import ServerProcess
from tests.replicas.cluster import cluster, settings
from tests.replicas.noted_ticks import notes_in, with_noted_ticks
from tests.scale import scaled

INTERVAL = 6.0
SLOWLY = 1.0
"""Seconds that a collection takes, so that there is a middle of it."""


class Note(NamedTuple):
    """What a process did, and of which moment."""

    what: str
    at: float
    pid: int


def notes(folder: Path) -> list[Note]:
    if not notes_in(folder).exists():
        return []
    lines = [line.split() for line in notes_in(folder).read_text().splitlines()]
    return [Note(what, float(at), int(pid)) for what, at, pid in lines]


def wait_for(folder: Path, done: Callable[[list[Note]], object], what: str) -> list[Note]:
    deadline = time.monotonic() + 60
    while not done(found := notes(folder)):
        assert time.monotonic() < deadline, f"{what}: {found}"
        time.sleep(0.02)
    return found


def delivered(found: list[Note]) -> list[Note]:
    return [note for note in found if note.what == "delivers"]


def kill(processes: list[ServerProcess], pid: int) -> None:
    (one,) = [each for each in processes if each.pid == pid]
    one.process.send_signal(signal.SIGKILL)
    one.wait()
    processes.remove(one)


# The holder dies while it measures: that tick is nobody's. At scale 1 one dies so, at scale 10 ten.
def test_the_loss_of_the_collecting_replica_costs_one_tick_and_doubles_none(
    fresh_dsn: str, tmp_path: Path
) -> None:
    env = settings(
        fresh_dsn,
        AGENTBOX_METRICS_COLLECTION_INTERVAL=f"{INTERVAL:.0f}s",
        **with_noted_ticks(tmp_path, SLOWLY),
    )
    late = []
    with cluster(tmp_path, 3, env) as processes:
        alive = list(processes)
        wait_for(tmp_path, delivered, "the first tick")
        for _ in range(scaled(1)):
            before = len(notes(tmp_path))
            collects = wait_for(
                tmp_path,
                lambda found: [note for note in found[before:] if note.what == "collects"],  # noqa: B023
                "a collection begins",
            )[-1]
            kill(alive, collects.pid)
            known = len(delivered(notes(tmp_path)))
            after = wait_for(
                tmp_path,
                lambda found: len(delivered(found)) > known,  # noqa: B023
                "a tick after the kill",
            )
            late.append(delivered(after)[known].at - collects.at // INTERVAL * INTERVAL)
            if scaled(1) > 1:
                new = ServerProcess(tmp_path, env=env)
                processes.append(new)
                new.wait_until_listening()
                alive.append(new)
        found = wait_for(
            tmp_path,
            lambda found: len(delivered(found)) >= 3,
            "ticks go on",
        )

    ticks = [note.at for note in delivered(found)]
    assert ticks == sorted(set(ticks))
    # One collects for all: nobody measured but for a tick that came, or was lost, or goes on.
    begun = [note for note in found if note.what == "collects"]
    assert len(begun) <= len(ticks) + len(late) + 1
    assert {at % INTERVAL for at in ticks} == {0.0}
    assert max(late) <= 2 * INTERVAL
    assert max(later - sooner for sooner, later in pairwise(ticks)) <= 2 * INTERVAL
