"""Who adds up is alone while it does; who stands still over that stops nobody for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from agentbox.core.readings.sharing import SharedReadings
from tests.core.readings.processes import counter, ended, sums

HOLDING = """
import fcntl, os, sys, time
turn = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT, dir_fd=int(sys.argv[1]))
fcntl.flock(turn, fcntl.LOCK_EX if sys.argv[3] == "alone" else fcntl.LOCK_SH)
print("holds", flush=True)
time.sleep(600)
"""

FORKING = """
import os, sys, time
from agentbox.core.readings.sharing import SharedReadings
from agentbox.plugin.metrics import Family
class Forking(SharedReadings):
    def _add_up(self):
        child = os.fork()
        if child == 0:
            time.sleep(600)
            os._exit(0)
        print(child, flush=True)
shared = Forking(int(sys.argv[1]))
print("joins", flush=True)
shared.join()
shared.tell([Family(name="done", kind="counter", description="", values={(): 5})])
shared.leave()
print("left", flush=True)
time.sleep(600)
"""

ASKING = """
import sys
from agentbox.core.readings.sharing import SharedReadings
shared = SharedReadings(int(sys.argv[1]), patience=60.0)
print("asks", flush=True)
while True:
    list(shared.of_others())
"""


@contextmanager
def another(folder: int, program: str, *arguments: str) -> Iterator[IO[str]]:
    """What a process says further that is at it, until the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=(folder,),
    )
    assert process.stdout is not None
    with process, process.stdout:
        try:
            assert process.stdout.readline()
            yield process.stdout
        finally:
            process.kill()


@pytest.mark.parametrize("how", ["alone", "with others"])
def test_nobody_waits_for_ever_to_join_beside_one_that_is_frozen(folder: int, how: str) -> None:
    ended(folder, counter(5))
    one = SharedReadings(folder, patience=0.05)
    with another(folder, HOLDING, "turn", how), pytest.raises(TimeoutError):
        one.join()
    one.join()

    assert sums(one) == {"done": 5}


def test_nobody_waits_for_ever_to_read_beside_one_that_is_frozen(folder: int) -> None:
    ended(folder, counter(5))
    one = SharedReadings(folder, patience=0.05)
    with another(folder, HOLDING, "turn", "alone"), pytest.raises(TimeoutError):
        sums(one)

    assert sums(one) == {"done": 5}


def test_those_that_read_are_not_stopped_by_one_that_is_frozen_as_it_reads(folder: int) -> None:
    ended(folder, counter(5))
    with another(folder, HOLDING, "turn", "with others"):
        assert sums(SharedReadings(folder, patience=0.05)) == {"done": 5}


def test_one_that_is_frozen_in_the_queue_stops_nobody(folder: int) -> None:
    ended(folder, counter(5))
    with another(folder, HOLDING, "queue", "alone"):
        one = SharedReadings(folder)
        one.join()
        assert sums(one) == {"done": 5}


def test_who_adds_up_has_its_turn_however_many_read_without_a_pause(folder: int) -> None:
    for _ in range(30):
        living = SharedReadings(folder)
        living.join()
        living.tell([counter(1)])
    with another(folder, ASKING), another(folder, ASKING), another(folder, ASKING):
        for _ in range(5):
            one = SharedReadings(folder, patience=60.0)
            one.join()
            one.leave()

    assert sums(one) == {"done": 30}


def test_a_child_that_was_forked_meanwhile_keeps_neither_a_turn_nor_a_life(folder: int) -> None:
    with another(folder, FORKING) as said:
        child = int(said.readline())
        try:
            assert said.readline() == "left\n"
            next_one = SharedReadings(folder, patience=0.05)
            next_one.join()
            assert sums(next_one) == {"done": 5}
        finally:
            os.kill(child, signal.SIGKILL)
