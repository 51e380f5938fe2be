"""What processes have counted that have ended: all of it stays, and of the rest nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog

from agentbox.core.counters import LARGEST
from agentbox.core.readings.adding import added
from agentbox.core.readings.sharing import SharedReadings
from agentbox.plugin.metrics import Family, Histogram
from tests.core.readings.processes import counter, ended, files, sums

A_WEEK = 7 * 86400


def labelled(number: float, *labels: str) -> Family:
    """One whose labels another version may have changed."""
    values = {tuple(f"of {label}" for label in labels): number}
    return Family(name="done", kind="counter", description="", labels=labels, values=values)


def took(number: int, *bounds: float) -> Family:
    """One whose bounds another version may have changed."""
    histogram = Histogram(bounds, (number,) * len(bounds), number, float(number))
    return Family(name="took", kind="histogram", description="", values={(): histogram})


def started(folder: int) -> SharedReadings:
    shared = SharedReadings(folder)
    shared.join()
    return shared


def page(shared: SharedReadings, mine: Family) -> Mapping[tuple[str, ...], float | Histogram]:
    (told,) = added([[mine], *shared.of_others()])
    return told.values


def test_what_a_new_version_counts_by_other_labels_stays_when_its_processes_end(
    folder: int,
) -> None:
    ended(folder, labelled(5, "old"))
    ended(folder, labelled(20, "old", "new"))
    first = page(started(folder), labelled(10, "old", "new"))
    ended(folder, labelled(1, "old", "new"))
    ended(folder, labelled(1, "old"))
    shared = started(folder)

    assert first == {("of old", "of new"): 30}
    assert page(shared, labelled(10, "old", "new")) == {("of old", "of new"): 31}
    assert page(shared, labelled(10, "old")) == {("of old",): 16}


def test_what_a_new_version_counts_by_other_bounds_stays_when_its_processes_end(
    folder: int,
) -> None:
    for number in (5, 20):
        ended(folder, took(number, 1.0))
        ended(folder, took(2 * number, 1.0, 2.0))
    shared = started(folder)

    assert page(shared, took(10, 1.0, 2.0)) == {(): Histogram((1.0, 2.0), (60, 60), 60, 60.0)}
    assert page(shared, took(10, 1.0)) == {(): Histogram((1.0,), (35,), 35, 35.0)}


def test_a_series_that_the_new_version_has_not_counted_yet_has_its_bounds_too() -> None:
    def of(name: str, *bounds: float) -> Family:
        histogram = Histogram(bounds, (1,) * len(bounds), 1, 1.0)
        return Family(
            name="took",
            kind="histogram",
            description="",
            labels=("job",),
            values={(name,): histogram},
        )

    (told,) = added([[of("a", 1.0, 2.0)], [of("b", 1.0)], [of("b", 1.0, 2.0)]])

    assert told.values["b",] == Histogram((1.0, 2.0), (1, 1), 1, 1.0)


def test_those_that_live_say_what_is_told_before_those_that_have_ended(folder: int) -> None:
    ended(folder, labelled(5, "old"))
    living = started(folder)
    living.tell([labelled(2, "new")])
    asked = started(folder)

    assert [each.values for told in asked.of_others() for each in told] == [
        {("of new",): 2},
        {("of old",): 5},
    ]


@pytest.mark.parametrize(
    "bad",
    [
        Family(name="bad", kind="histogram", description="", values={(): 1.0}),
        Family(name="bad", kind="counter", description="", values={(): Histogram((), (), 1, 1.0)}),
        Family(
            name="bad",
            kind="histogram",
            description="",
            values={(): Histogram((1.0,), (1, 2), 2, 1.0)},
        ),
        Family(name="bad", kind="counter", description="", labels=("a",), values={(): 1.0}),
    ],
)
def test_a_file_with_values_that_do_not_fit_stops_nobody_and_costs_them_alone(
    folder: int, bad: Family
) -> None:
    living = started(folder)
    for _ in range(3):
        ended(folder, counter(5), bad)
    living.tell([counter(1), bad])

    assert sums(started(folder), counter(0)) == {"done": 16}


def test_sums_of_counts_never_get_larger_than_can_be_told(folder: int) -> None:
    for _ in range(3):
        ended(folder, took(LARGEST, 1.0))

    assert page(started(folder), took(0, 1.0)) == {
        (): Histogram((1.0,), (LARGEST,), LARGEST, 3.0 * LARGEST)
    }


def test_who_ends_before_it_has_told_anything_or_over_it_leaves_no_file(
    folder: int, tmp_path: Path
) -> None:
    living = started(folder)
    living.tell([counter(1)])
    for _ in range(5):
        started(folder).leave()
    (tmp_path / "1-dead.new").write_bytes(b"half of")
    silent = started(folder)
    last = started(folder)

    assert sum(name.endswith(".life") for name in files(folder)) == 3
    assert not [name for name in files(folder) if name.endswith(".new")]
    silent.tell([counter(2)])
    assert sums(last, counter(4)) == {"done": 7}


def test_who_tells_something_keeps_all_files_from_looking_old(folder: int, tmp_path: Path) -> None:
    ended(folder, counter(1))
    telling = started(folder)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    telling.tell([counter(2)])

    assert len(files(folder)) == 5
    assert min(path.stat().st_mtime for path in tmp_path.iterdir()) > time.time() - A_WEEK


def told_file(folder: int, tmp_path: Path) -> Path:
    """The only one of a process that lives."""
    (name,) = (each for each in files(folder) if each.endswith(".told"))
    return tmp_path / name


@pytest.mark.parametrize(
    "content",
    [
        b"\xc1 what nobody can read",
        b"",
        b"0.0.1\n\xc1",
        b"0.0.1\n\x82\xa2of\x90\xa8families\x91\x81\xa4name\x01",
    ],
)
def test_a_file_of_another_version_is_left_out(folder: int, tmp_path: Path, content: bytes) -> None:
    one = started(folder)
    one.tell([counter(5)])
    told = told_file(folder, tmp_path)
    started(folder).tell([counter(1)])
    told.write_bytes(content)
    with structlog.testing.capture_logs() as lines:
        heard = sums(SharedReadings(folder))

    assert heard == {"done": 1}
    assert lines == []


def test_a_file_of_another_version_that_has_the_same_form_counts(
    folder: int, tmp_path: Path
) -> None:
    one = started(folder)
    one.tell([counter(5)])
    told = told_file(folder, tmp_path)
    told.write_bytes(b"0.0.1\n" + told.read_bytes().partition(b"\n")[2])

    assert sums(SharedReadings(folder)) == {"done": 5}


@pytest.mark.parametrize("content", [b"\xc1", b"\x81\xa2of\xa1\xff"])
def test_a_file_of_our_own_version_that_cannot_be_read_is_logged_once(
    folder: int, tmp_path: Path, content: bytes
) -> None:
    one = started(folder)
    one.tell([counter(5)])
    told = told_file(folder, tmp_path)
    told.write_bytes(told.read_bytes().partition(b"\n")[0] + b"\n" + content)
    reader = SharedReadings(folder)
    with structlog.testing.capture_logs() as lines:
        heard = [sums(reader) for _ in range(3)]

    assert heard == [{}, {}, {}]
    assert [(line["event"], line["file"]) for line in lines] == [("readings_unreadable", told.name)]
