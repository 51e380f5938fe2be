"""What processes of one server have counted is added up, and what dead ones have counted stays."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agentbox.cli.serving.folder import PREFIX, folder_of_readings
from agentbox.core.readings.adding import added
from agentbox.core.readings.sharing import SharedReadings
from agentbox.plugin.metrics import Family, Histogram
from tests.core.readings.processes import counter, ended, gauge, sums

DYING = """
import os, sys, time
from agentbox.core.readings.sharing import SharedReadings
from agentbox.plugin.metrics import Family
shared = SharedReadings(os.open(sys.argv[1], os.O_RDONLY))
shared.join()
shared.tell([
    Family(name="done", kind="counter", description="", values={(): 7}),
    Family(name="waiting", kind="gauge", description="", values={(): 7}),
])
print("told", flush=True)
time.sleep(600)
"""

ASKING = """
import sys
from agentbox.core.readings.sharing import SharedReadings
shared = SharedReadings(int(sys.argv[1]))
print("asks", flush=True)
while True:
    list(shared.of_others())
"""


def test_others_are_heard_and_oneself_is_not(folder: int) -> None:
    one, other = SharedReadings(folder), SharedReadings(folder)
    for each, number in ((one, 2.0), (other, 3.0)):
        each.join()
        each.tell([counter(number), gauge(number)])

    assert sums(one, counter(2), gauge(2)) == {"done": 5, "waiting": 5}
    assert sums(other, counter(3), gauge(3)) == {"done": 5, "waiting": 5}


def test_of_a_process_that_was_killed_the_counters_stay_and_the_gauges_go(
    folder: int, tmp_path: Path
) -> None:
    dying = subprocess.Popen(
        [sys.executable, "-c", DYING, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert dying.stdout is not None
    with dying.stdout:
        assert dying.stdout.readline() == "told\n"
        one = SharedReadings(folder)
        one.join()
        alive = sums(one, counter(1), gauge(1))
        dying.kill()
        dying.wait(timeout=30)
    dead = sums(one, counter(1), gauge(1))

    assert alive == {"done": 8, "waiting": 8}
    assert dead == {"done": 8, "waiting": 1}


def test_however_many_have_ended_there_is_one_file_of_them(folder: int, tmp_path: Path) -> None:
    for _ in range(20):
        ended(folder, counter(1), gauge(1))
    last = SharedReadings(folder)
    last.join()

    assert sums(last) == {"done": 20}
    assert len(list(tmp_path.iterdir())) == 4  # theirs, turn, queue, and that this one lives


def test_who_died_while_the_dead_were_added_up_leaves_nothing_counted_twice(
    folder: int, tmp_path: Path
) -> None:
    ended(folder, counter(5))
    (left,) = (path for path in tmp_path.iterdir() if path.suffix == ".told")
    kept = left.read_bytes()
    SharedReadings(folder).join()
    left.write_bytes(kept)  # as if it had not come to take it away
    reader = SharedReadings(folder)
    half = sums(reader)
    reader.join()

    assert half == sums(reader) == {"done": 5}
    assert not left.exists()


def test_nobody_ever_reads_half_of_a_file(folder: int) -> None:
    writer, reader = SharedReadings(folder), SharedReadings(folder)
    writer.join()
    large = [
        Family(
            name=f"f{number}",
            kind="histogram",
            description="x" * 200,
            values={(): Histogram((1.0,), (1,), 1, 1.0)},
        )
        for number in range(300)
    ]
    writer.tell(large)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            writer.tell(large)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(300):
            assert [len(told) for told in reader.of_others()] == [300]
    finally:
        over.set()
        writing.join(timeout=30)


def test_nobody_misses_a_file_while_another_process_looks_through_the_same_folder(
    folder: int,
) -> None:
    counting, reader = SharedReadings(folder), SharedReadings(folder)
    for each in (counting, reader):
        each.join()
        each.tell([counter(5)])
    asking = subprocess.Popen(
        [sys.executable, "-c", ASKING, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=(folder,),  # as workers have it from their supervisor
    )
    assert asking.stdout is not None
    with asking, asking.stdout:
        try:
            assert asking.stdout.readline() == "asks\n"
            heard = [sums(reader) for _ in range(1000)]
        finally:
            asking.kill()

    assert [each for each in heard if each != {"done": 5}] == []


def test_the_folder_is_for_one_user_alone_and_goes_with_the_server() -> None:
    with folder_of_readings() as opened:
        assert opened is not None
        path = Path(os.readlink(f"/proc/self/fd/{opened}"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        SharedReadings(opened).join()

    assert not path.exists()


def test_folders_that_killed_servers_left_are_taken_away_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with folder_of_readings() as of_another:
        assert of_another is not None
        (held,) = tmp_path.iterdir()
        left, fresh, foreign = (tmp_path / f"{PREFIX}{n}" for n in ("left", "fresh", "link"))
        elsewhere = tmp_path / "elsewhere"
        for folder in (left, fresh, elsewhere):
            folder.mkdir()
        (left / "turn").touch()
        foreign.symlink_to(elsewhere)
        for folder in (held, left, elsewhere):
            os.utime(folder, (0, 0))
        with folder_of_readings():
            kept = {path.name for path in tmp_path.iterdir()}

    assert kept >= {held.name, fresh.name, foreign.name, "elsewhere"}
    assert left.name not in kept


def test_without_a_place_to_write_to_there_is_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with folder_of_readings() as opened:
        assert opened is None


def test_a_place_where_nothing_can_be_locked_keeps_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("fcntl.flock", refuse)
    with folder_of_readings() as opened:
        assert opened is None

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("together", "expected"), [("sum", 6.0), ("average", 2.0), ("largest", 3.0)]
)
def test_gauges_are_put_together_as_they_say(together: str, expected: float) -> None:
    of_each = [
        [Family(name="g", kind="gauge", description="", values={(): n}, together=together)]  # type: ignore[arg-type]
        for n in (1.0, 2.0, 3.0)
    ]

    assert added(of_each)[0].values[()] == expected


def test_what_was_measured_last_is_what_counts_where_it_says_so() -> None:
    def measured(value: float, at: float) -> list[Family]:
        family = Family(
            name="g", kind="gauge", description="", values={(): value}, together="last", at=at
        )
        return [family]

    (told,) = added([measured(1, 30.0), measured(2, 60.0), measured(3, 0.0)])

    assert told.values[()] == 2
