"""What the supervisor does with workers that die, tried on a stand-in that speaks as they do."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentbox.cli.serving.inheritance import new_common
from agentbox.cli.serving.orders import Stop
from agentbox.cli.serving.processes import launcher
from agentbox.cli.serving.supervisor import FIRST_PAUSE, Supervisor, WorkerFailed
from agentbox.web.crowd import Crowd

STAND_IN = """
import socket, sys, time
from pathlib import Path

folder, inherited = Path(sys.argv[1]), sys.argv[-1]
number, workers, channel, *_ = map(int, inherited.split(","))
with (folder / f"starts-{number}").open("a") as starts:
    print(time.monotonic(), file=starts)
does = (folder / f"does-{number}").read_text()
if does == "fail":
    sys.exit(7)
supervisor = socket.socket(fileno=channel)
supervisor.sendall(b"ready\\n")
if does == "die":
    sys.exit(9)
told = supervisor.recv(64)
(folder / f"told-{number}").write_bytes(told)
sys.exit(int(does.removeprefix("end with ")) if does.startswith("end with ") else 0)
"""


class Place:
    """What the stand-ins of one number are to do, and what has become of them."""

    def __init__(self, folder: Path, number: int) -> None:
        self._does = folder / f"does-{number}"
        self._starts = folder / f"starts-{number}"
        self._told = folder / f"told-{number}"

    def does(self, what: str) -> None:
        """`serve`, `fail` before it serves, `die` once it serves, or `end with` a status."""
        self._does.write_text(what)

    @property
    def starts(self) -> list[float]:
        return [float(line) for line in self._starts.read_text().split()]

    @property
    def told(self) -> str:
        return self._told.read_text().strip()

    async def has_started(self, times: int) -> None:
        async with asyncio.timeout(30):
            while not self._starts.exists() or len(self.starts) < times:
                await asyncio.sleep(0.01)


@pytest.fixture
def places(tmp_path: Path) -> list[Place]:
    made = [Place(tmp_path, number) for number in (1, 2)]
    for place in made:
        place.does("serve")
    return made


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    common = new_common()
    command = [sys.executable, str(tmp_path / "stand_in.py"), str(tmp_path)]
    yield Supervisor(2, launcher(command, [], count=2, common=common), [], Crowd.new(common, 2))
    os.close(common)


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[asyncio.Task[bool]]:
    """Its run, once all serve; stopped at the end."""
    serving = asyncio.Event()
    run = asyncio.create_task(supervisor.run(serving.set))
    async with asyncio.timeout(30):
        await serving.wait()
    yield run
    supervisor.stop(Stop.AT_ONCE)
    await asyncio.wait([run])


async def test_all_are_told_and_waited_for(supervisor: Supervisor, places: list[Place]) -> None:
    async with running(supervisor) as run:
        supervisor.stop(Stop.DRAIN)
        assert await run
    assert [place.told for place in places] == ["drain", "drain"]


async def test_one_that_ends_badly_is_told_of(supervisor: Supervisor, places: list[Place]) -> None:
    places[1].does("end with 1")
    async with running(supervisor) as run:
        supervisor.stop(Stop.DRAIN)
        assert not await run


async def test_one_that_dies_again_and_again_is_started_after_longer_and_longer_pauses(
    supervisor: Supervisor, places: list[Place]
) -> None:
    places[1].does("die")
    async with running(supervisor):
        await places[1].has_started(4)
    first, second, third, fourth = places[1].starts

    assert second - first >= FIRST_PAUSE
    assert third - second >= 2 * FIRST_PAUSE
    assert fourth - third >= 4 * FIRST_PAUSE
    assert len(places[0].starts) == 1


async def test_one_that_fails_while_another_serves_is_tried_until_it_works(
    supervisor: Supervisor, places: list[Place]
) -> None:
    places[1].does("die")
    async with running(supervisor) as run:
        places[1].does("fail")
        await places[1].has_started(3)
        places[1].does("serve")
        await places[1].has_started(4)
        assert not run.done()


async def test_a_failure_while_no_other_serves_is_the_end(
    supervisor: Supervisor, places: list[Place]
) -> None:
    for place in places:
        place.does("die")
    async with running(supervisor) as run:
        for place in places:
            place.does("fail")
        async with asyncio.timeout(30):
            await asyncio.wait([run])
    with pytest.raises(WorkerFailed) as failed:
        await run

    assert failed.value.status == 7


@pytest.mark.parametrize(("fails", "told"), [(1, []), (2, ["retire"])])
async def test_a_failure_at_the_first_start_is_the_end_for_all(
    supervisor: Supervisor, places: list[Place], fails: int, told: list[str], tmp_path: Path
) -> None:
    places[fails - 1].does("fail")
    with pytest.raises(WorkerFailed, match=f"Worker {fails} ended with status 7 before it served"):
        await supervisor.run(lambda: pytest.fail("it does not serve"))

    assert [path.read_text().strip() for path in tmp_path.glob("told-*")] == told
    assert len(list(tmp_path.glob("starts-*"))) == fails  # the first one starts alone


async def test_a_program_that_is_gone_is_a_failure_as_any_other(tmp_path: Path) -> None:
    common = new_common()
    launch = launcher([str(tmp_path / "gone")], [], count=2, common=common)
    with pytest.raises(WorkerFailed, match="No such file or directory"):
        await Supervisor(2, launch, [], Crowd.new(common, 2)).run(lambda: None)
    os.close(common)


async def test_a_stop_does_not_wait_for_a_pause(
    supervisor: Supervisor, places: list[Place]
) -> None:
    places[1].does("die")
    async with running(supervisor) as run:
        await places[1].has_started(4)
        loop = asyncio.get_running_loop()
        began = loop.time()
        supervisor.stop(Stop.DRAIN)
        await run
    assert loop.time() - began < 4 * FIRST_PAUSE


async def test_a_renewal_puts_new_ones_first(supervisor: Supervisor, places: list[Place]) -> None:
    async with running(supervisor):
        supervisor.renew()
        await places[1].has_started(2)
        assert places[0].told == "retire"
        assert len(places[0].starts) == 2


def test_a_worker_that_is_stuck_ends_itself_when_it_is_time(tmp_path: Path) -> None:
    # OP-04: no orphan stays, whatever its loop is doing.
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", STUCK, str(theirs.fileno())],
            cwd=tmp_path,
            pass_fds=[theirs.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        _, said = process.communicate(timeout=30)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert process.returncode == 1
    assert "supervisor_gone" in said
    assert "stop_takes_too_long" in said


STUCK = """
import asyncio, socket, sys, time

from agentbox.cli.serving.orders import Orders
from agentbox.cli.serving.worker import Channel, end_after
from agentbox.core.logs import configure
from agentbox.core.startup import assemble

async def stuck():
    log = configure(assemble(None, {}, {}).settings)
    channel = socket.socket(fileno=int(sys.argv[1]))
    Channel(channel, Orders(), lambda: end_after(0.2, log)).start()
    time.sleep(60)

asyncio.run(stuck())
"""
