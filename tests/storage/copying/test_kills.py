"""A copy that is killed has not begun or is done; the next one finishes either way."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentbox.core.copying import copying
from tests.storage.copying.places import Place, PostgresPlace, SqlitePlace, copied

HERE = Path(__file__).parent
STEPS = [("put", 1), ("put", 9), ("put", 18), ("advance", 18), ("commit", 1)]


def run_and_die(source: Place, target: Place, step: str, number: int) -> None:
    assert isinstance(source, SqlitePlace)
    place = str(target.path) if isinstance(target, SqlitePlace) else _dsn(target)
    done = subprocess.run(
        [sys.executable, HERE / "dying.py", str(source.path), place, step, str(number)],
        cwd=HERE.parents[2],
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL


def _dsn(place: Place) -> str:
    assert isinstance(place, PostgresPlace)
    return place.dsn


def users(place: Place) -> int:
    return int(place.run("SELECT count(*) FROM users")[0][0])


@pytest.mark.parametrize("kinds", ["sqlite-postgres", "sqlite-sqlite"])
@pytest.mark.parametrize(("step", "number"), STEPS)
async def test_a_kill_leaves_the_target_empty_or_a_copy(
    source: Place, target: Place, step: str, number: int
) -> None:
    run_and_die(source, target, step, number)

    assert users(target) == (users(source) if step == "commit" else 0)
    await copied(source, target)


@pytest.mark.parametrize("kinds", ["sqlite-postgres", "sqlite-sqlite"])
@pytest.mark.parametrize("step", ["remove", "put"])
async def test_a_kill_of_a_later_copy_leaves_the_earlier_one(
    source: Place, target: Place, step: str
) -> None:
    await copied(source, target)
    before = users(target)
    source.run("DELETE FROM users WHERE id = 'user-2'")
    source.run("UPDATE users SET email_verified = 1 - email_verified")

    run_and_die(source, target, step, 1)

    assert users(target) == before
    await copied(source, target)
    assert users(target) == before - 1


async def test_a_copy_that_is_cancelled_leaves_the_target_as_it_was(
    source: Place, target: Place
) -> None:
    """Ctrl-C, while a thread may be at work on the connection."""
    told: list[str] = []

    def cancel(what: str, done: int, total: int) -> None:
        told.append(what)
        if what == "sessions copied" and done:
            running.cancel()

    running = asyncio.create_task(copying.copy(source.storage, target.storage, cancel, force=False))
    with pytest.raises(asyncio.CancelledError):
        await running

    assert "users copied" in told
    assert not [what for what in told if what.endswith("compared")]
    assert users(target) == 0
    await copied(source, target)
