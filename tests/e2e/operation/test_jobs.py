"""Jobs, as whoever runs a server sees them: over HTTP, by command, and when it stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.backend import database_in
from tests.e2e.audit.reading import listed
from tests.e2e.operation.slow_job import with_slow_job
from tests.e2e.people import People
from tests.e2e.test_process import wait_until
from tests.house.tree import ROOT
from tests.live import Live, ShiftedClock
from tests.process import STRONG_PASSWORD, agentbox, serving

JOB = "/system/jobs/purge-expired/run"


async def jobs(people: People) -> dict[str, dict[str, Any]]:
    answer = await people.admin.caller.get("/system/jobs")
    assert answer.status == 200, answer.text
    assert answer.body["total"] == len(answer.body["jobs"])
    return {job["name"]: job for job in answer.body["jobs"]}


async def until(
    people: People, name: str, what: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The job, once it is as `what` says."""
    deadline = time.monotonic() + 20
    while not what(found := (await jobs(people))[name]):
        assert time.monotonic() < deadline, found
    return found


def has_run(job: dict[str, Any]) -> bool:
    """Whether a run of it is over and no other one has begun; the scene was copied with runs."""
    return not job["running"] and job.get("last_process") == f"{socket.gethostname()}:{os.getpid()}"


async def test_the_list_tells_when_each_job_runs_and_how_the_last_run_ended(
    people: People,
) -> None:
    seal = await until(people, "audit-seal", has_run)
    found = await jobs(people)

    assert list(found) == sorted(found)
    assert {"audit-cut", "audit-seal", "flush-last-used", "purge-expired"} <= set(found)
    purge = found["purge-expired"]
    assert (purge["interval"], purge["schedule"]) == (3600, "every 1h")
    assert (purge["everywhere"], purge["running"]) == (False, False)
    assert datetime.fromisoformat(purge["next_due"]).tzinfo is not None
    assert purge["description"]
    assert "last_started" not in purge
    assert "cron" not in purge
    assert seal["last_outcome"] == "ok"
    assert seal["last_started"] <= seal["last_finished"]
    assert "last_process" not in purge


async def test_every_job_of_ours_stands_on_the_page_for_operators(people: People) -> None:
    page = (ROOT / "docs/operations.md").read_text()
    told = re.findall(r"^\| `([a-z-]+)` \| [a-z ]+", page.partition("## Jobs")[2], re.MULTILINE)

    assert set(await jobs(people)) <= set(told)


async def test_a_job_of_every_process_is_told_of_by_the_one_that_answers(people: People) -> None:
    await until(people, "flush-last-used", lambda job: job.get("last_outcome") == "ok")

    job = (await jobs(people))["flush-last-used"]
    assert (job["everywhere"], job["interval"], "last_finished" in job) == (True, 1, True)


async def test_a_run_that_is_asked_for_begins_soon_and_is_audited(
    live: Live, people: People
) -> None:
    before = (await jobs(people))["purge-expired"]
    answer = await people.super_admin.caller.post(JOB)

    assert (answer.status, answer.body["name"]) == (202, "purge-expired")
    assert answer.body["asked_at"]
    await until(people, "purge-expired", lambda job: job.get("last_outcome") == "ok")
    after = (await jobs(people))["purge-expired"]
    assert "asked_at" not in after
    assert after["next_due"] == before["next_due"]
    rows = await listed(live, people.first.caller, event="job.run")
    assert [(row["actor"], row["target"]) for row in rows] == [
        (f"user:{people.super_admin.id}", "job:purge-expired")
    ]


async def test_a_job_that_is_not_there_is_404(people: People) -> None:
    for name in ("none", "purge", "..", "purge-expired%20"):
        answer = await people.super_admin.caller.post(f"/system/jobs/{name}/run")
        assert answer.status == 404


async def test_a_job_of_every_process_can_not_be_asked_for(people: People) -> None:
    answer = await people.super_admin.caller.post("/system/jobs/flush-last-used/run")

    assert (answer.status, answer.error) == (409, "conflict")
    assert "Every process" in answer.body["detail"]


async def test_a_job_that_runs_can_not_be_asked_for(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    storage = live.runtime.storage
    async with storage.transaction() as tx:
        assert await tx.jobs.run_now("audit-cut", clock.now())
        until = clock.now().replace(year=clock.now().year + 1)
        assert await tx.jobs.claim("audit-cut", clock.now(), until, "another")
    answer = await people.super_admin.caller.post("/system/jobs/audit-cut/run")

    assert (answer.status, answer.error) == (409, "conflict")
    assert (await jobs(people))["audit-cut"]["running"]


@pytest.mark.parametrize("who", ["viewer", "user", "admin"])
async def test_only_a_super_admin_runs_jobs(people: People, who: str) -> None:
    answer = await people[who].caller.post(JOB)

    assert (answer.status, answer.error) == (403, "insufficient_role")


def test_commands_list_jobs_and_run_one_beside_a_server(tmp_path: Path) -> None:
    env = with_slow_job(tmp_path, 0.0, STRONG_PASSWORD)

    def command(*arguments: str) -> str:
        done = agentbox(tmp_path, *arguments, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def job() -> dict[str, Any]:
        found = json.loads(command("jobs", "list", "--json"))["jobs"]
        return next(each for each in found if each["name"] == "slow-work")

    with serving(tmp_path, env=env) as server:
        assert "last_outcome" not in job()
        assert "Asked for a run of slow-work" in command("jobs", "run", "slow-work")
        wait_until(lambda: job().get("last_outcome") == "ok", "the job has run", 20)
        assert job()["last_process"].endswith(f":{server.pid}")
        shown = command("jobs", "list")
        assert all(len(line) <= 80 for line in shown.splitlines())
        assert "every 1d" in shown
        refused = agentbox(tmp_path, "jobs", "run", "none", env=env)
        assert (refused.returncode, "There is no such job" in refused.stderr) == (1, True)
        refused = agentbox(tmp_path, "jobs", "run", "flush-last-used", env=env)
        assert refused.returncode == 1


def test_a_run_that_is_asked_for_where_nothing_serves_waits_for_a_server(tmp_path: Path) -> None:
    env = with_slow_job(tmp_path, 0.0, STRONG_PASSWORD)
    with serving(tmp_path, env=env) as server:
        server.stop()
    assert agentbox(tmp_path, "jobs", "run", "slow-work", env=env).returncode == 0
    with serving(tmp_path, env=env):
        wait_until(lambda: marked(tmp_path, "slow-done"), "the job has run", 20)


def marked(folder: Path, name: str) -> bool:
    return bool(database_in(folder).run(f"SELECT 1 FROM markers WHERE name = '{name}'"))


# The limit is 5 s: what is done by then is done, and the rest comes to another process.
@pytest.mark.parametrize(("seconds", "done"), [(2.0, True), (60.0, False)])
def test_a_server_that_stops_waits_for_a_job_up_to_a_limit(
    tmp_path: Path, seconds: float, done: bool
) -> None:
    env = with_slow_job(tmp_path, seconds, STRONG_PASSWORD)
    with serving(tmp_path, env=env) as server:
        assert agentbox(tmp_path, "jobs", "run", "slow-work", env=env).returncode == 0
        wait_until(lambda: marked(tmp_path, "slow-begun"), "the job runs", 20)
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        took = time.monotonic() - began

    assert marked(tmp_path, "slow-done") is done
    assert took < 12
    # A run that is not done is begun again, as after a kill, whenever the next server comes.
    query = (
        "SELECT last_outcome, lease_until IS NULL, lease_until = last_finished,"
        " asked_at IS NOT NULL FROM jobs WHERE name = 'slow-work'"
    )
    [(outcome, free, over, asked)] = database_in(tmp_path).run(query)
    if done:
        assert (outcome, bool(free), bool(asked)) == ("ok", True, False)
    else:
        assert (outcome, bool(over), bool(asked)) == ("cancelled", True, True)


def test_a_job_that_goes_on_when_it_is_cancelled_does_not_keep_a_server_from_stopping(
    tmp_path: Path,
) -> None:
    env = with_slow_job(tmp_path, 60.0, STRONG_PASSWORD, stubborn=True)
    with serving(tmp_path, env=env) as server:
        assert agentbox(tmp_path, "jobs", "run", "slow-work", env=env).returncode == 0
        wait_until(lambda: marked(tmp_path, "slow-begun"), "the job runs", 20)
        assert server.stop(signal.SIGTERM) == 0

    [line] = [json.loads(each) for each in server.lines if '"left_behind"' in each]
    assert line["task"] == "agentbox-job-slow-work"
    assert line["where"][-2].endswith(" run")


def test_a_killed_server_leaves_a_run_that_the_next_one_begins_again(tmp_path: Path) -> None:
    # SC-01: the run that was asked for is not lost with its process
    env = with_slow_job(tmp_path, 60.0, STRONG_PASSWORD)
    with serving(tmp_path, env=env) as server:
        assert agentbox(tmp_path, "jobs", "run", "slow-work", env=env).returncode == 0
        wait_until(lambda: marked(tmp_path, "slow-begun"), "the job runs", 20)
        server.stop(signal.SIGKILL)
    killed = time.monotonic()
    with serving(tmp_path, env=with_slow_job(tmp_path, 0.0, STRONG_PASSWORD)):
        wait_until(lambda: marked(tmp_path, "slow-done"), "the job has run again", 20)

    assert time.monotonic() - killed < 15
