"""A process ends once its main coroutine has, whatever that has left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.process import environment

PRELUDE = """
import asyncio, sys, time

from agentbox.cli.serving import running
from agentbox.core.logs import configure
from agentbox.core.startup import assemble
from agentbox.errors import StartError

running.LEFT_WITHIN = running.CUT_OFF_AFTER = 0.3
log = configure(assemble(None, {}, {}).settings)

async def swallows():
    while True:
        try:
            await asyncio.sleep(60)
        except BaseException:
            pass

async def heeds():
    await asyncio.sleep(60)

async def hangs_in_a_thread():
    await asyncio.to_thread(sleeps)

def sleeps():
    time.sleep(60)

tasks = []

async def begin(*coroutines):
    tasks.extend(asyncio.create_task(each, name=each.__name__) for each in coroutines)
    await asyncio.sleep(0.01)
"""

SERVED = """
async def main():
    await begin({left})
    print("served")

running.run(main(), log)
log.close()
print("left")
"""

REFUSED = """
async def main():
    await begin({left})
    raise StartError("no database")

try:
    running.run(main(), log)
except StartError as error:
    log.close()
    print(f"told: {{error}}", file=sys.stderr)
    sys.exit(3)
"""


def run(folder: Path, script: str, left: str) -> subprocess.CompletedProcess[str]:
    """The script as a process that has come to its end by itself."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + script.format(left=left)],
        cwd=folder,
        text=True,
        capture_output=True,
        timeout=30,
        env=environment(AGENTBOX_SERVER__LOG_FORMAT="json"),
        check=False,
    )


def test_what_heeds_its_cancellation_is_nothing_to_speak_of(tmp_path: Path) -> None:
    done = run(tmp_path, SERVED, "heeds()")

    assert (done.returncode, done.stdout, done.stderr) == (0, "served\nleft\n", "")


def test_a_task_that_swallows_its_cancellation_is_named_and_left(tmp_path: Path) -> None:
    done = run(tmp_path, SERVED, "swallows(), heeds()")

    assert (done.returncode, done.stdout) == (0, "served\nleft\n")
    line = json.loads(done.stderr)
    assert (line["event"], line["task"]) == ("left_behind", "swallows")
    assert line["where"][0].startswith("<string>:")
    assert line["where"][0].endswith(" swallows")


def test_a_thread_that_hangs_is_cut_off(tmp_path: Path) -> None:
    done = run(tmp_path, SERVED, "hangs_in_a_thread()")

    assert (done.returncode, done.stdout) == (0, "served\n")
    assert json.loads(done.stderr)["event"] == "stop_takes_too_long"
    assert any(each.endswith(" sleeps") for each in json.loads(done.stderr)["threads"])


def test_what_stopped_the_start_is_told_and_is_the_status(tmp_path: Path) -> None:
    for left in ("heeds()", "swallows()"):
        done = run(tmp_path, REFUSED, left)

        assert done.returncode == 3
        assert "told: no database" in done.stderr
        assert ("left_behind" in done.stderr) is (left == "swallows()")
