"""Where readings can't be shared, each process goes on with what it knows, and says so once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog

from agentbox.core.readings.sharing import SharedReadings
from agentbox.plugin.metrics import Family
from agentbox_prometheus.exposition import written
from tests.core.readings.processes import Process, counter, ended, full_disk


async def serving(folder: int, *counted: int) -> list[Process]:
    """Some that have joined, and have told what they counted."""
    processes = [Process(folder) for _ in counted]
    for process, number in zip(processes, counted, strict=True):
        process.counters.add("refresh_reuse", number)
        await process.readings.open()
        await process.readings.publish()
    return processes


def said(lines: list[Any]) -> list[tuple[str, str]]:
    return [(line["event"], line["step"]) for line in lines]


async def test_on_a_full_disk_the_others_are_told_as_far_as_they_are_known(folder: int) -> None:
    one, other = await serving(folder, 1000, 3)
    with structlog.testing.capture_logs(), full_disk():
        one.counters.add("refresh_reuse")
        heard = [await one.reuse(), await other.reuse()]

    assert heard == [1004, 1003]
    assert [await one.reuse(), await other.reuse()] == [1004, 1004]


async def test_who_starts_on_a_full_disk_shares_as_soon_as_there_is_room(folder: int) -> None:
    (one,) = await serving(folder, 1000)
    ended(folder, counter(5))
    started = Process(folder)
    started.counters.add("refresh_reuse", 7)
    with structlog.testing.capture_logs(), full_disk():
        await started.readings.open()
        await started.readings.publish()
        meanwhile = await started.reuse()
    await started.readings.publish()

    assert meanwhile == 1007
    assert [await one.reuse(), await started.reuse()] == [1007, 1007]


async def test_that_readings_are_not_shared_is_logged_when_it_begins_and_when_it_ends(
    folder: int,
) -> None:
    (one,) = await serving(folder, 1)
    ended(folder, counter(5))
    started = Process(folder)
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            with full_disk():
                for _ in range(3):
                    await one.readings.publish()
                    await one.reuse()
                    await started.readings.publish()
            await one.readings.publish()
        await started.readings.publish()

    assert said(lines) == [
        ("readings_not_shared", "tell"),
        ("readings_not_shared", "join"),
        ("readings_shared_again", "tell"),
        ("readings_not_shared", "tell"),
        ("readings_shared_again", "tell"),
        ("readings_shared_again", "join"),
    ]


class Broken(SharedReadings):
    """One with a defect that nobody has thought of."""

    def join(self) -> None:
        raise IndexError("a defect")


async def test_a_defect_in_joining_lets_a_process_serve_for_itself(folder: int) -> None:
    (one,) = await serving(folder, 5)
    started = Process(folder, Broken(folder))
    started.counters.add("refresh_reuse", 3)
    with structlog.testing.capture_logs() as lines:
        await started.readings.open()
        await started.readings.publish()
        heard = await started.reuse()
        await started.readings.close()

    assert heard == 8
    assert await one.reuse() == 5
    assert said(lines) == [("readings_not_shared", "join")]
    assert isinstance(lines[0]["exc_info"], IndexError)


async def test_what_cannot_be_written_of_our_own_ends_neither_the_page_nor_the_process(
    folder: int,
) -> None:
    one, other = await serving(folder, 5, 3)
    one.requests.of("/half/of/\ud800", "GET", "half").note(200, 0.1)
    one.counters.add("refresh_reuse")
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            await one.readings.publish()
            assert await one.reuse() == 9
            assert await other.reuse() == 8
        await one.readings.close()

    assert said(lines) == [("readings_not_shared", "tell")]


@pytest.mark.parametrize("digits", [25, 400])
async def test_an_absurd_count_ends_no_page(folder: int, digits: int) -> None:
    one, other = await serving(folder, 5, 3)
    with structlog.testing.capture_logs() as lines:
        for process in (one, other):
            process.counters.add("acme.points", int("9" * digits))
            await process.readings.publish()
        page = written(list((await one.page()).values()), "").body
        await one.readings.close()
    next_one = Process(folder)
    await next_one.readings.open()

    assert b'agentbox_plugin_counts_total{counter="points",plugin="acme"} ' in page
    assert await next_one.reuse() == 8
    assert lines == []


async def test_a_folder_that_is_gone_leaves_a_process_with_its_own(
    folder: int, tmp_path: Path
) -> None:
    (one,) = await serving(folder, 3)
    for file in tmp_path.iterdir():
        file.unlink()
    tmp_path.rmdir()
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            assert await one.reuse() == 3
            await one.readings.publish()
        await one.readings.close()

    assert said(lines) == [("readings_not_shared", "tell"), ("readings_not_shared", "hear")]


class Unreadable(SharedReadings):
    """One that can tell, but breaks when it hears."""

    def of_others(self) -> Any:
        yield [Family(name="of another", kind="gauge", description="")]
        raise KeyError("a defect")


async def test_a_defect_in_hearing_the_others_leaves_a_process_with_its_own(folder: int) -> None:
    one = Process(folder, Unreadable(folder))
    one.counters.add("refresh_reuse", 3)
    await one.readings.open()

    assert await one.reuse() == 3
    assert "of another" not in await one.page()
