"""`GET /system/stats`: the cards of a dashboard."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from agentbox.core.charts.figures import AT_ONCE
from agentbox.model.access.roles import Permission
from agentbox.model.environments import (
    Environment,
    EnvironmentReport,
    EnvironmentStatus,
    Grant,
)
from agentbox.model.ids import new_id
from tests.e2e.environments.sandbox import path_of, register, share
from tests.e2e.metrics.stored import HOUR, MINUTE, some_hours_ago, store
from tests.e2e.people import People, Template
from tests.live import Caller, Live, ShiftedClock, live_server

NOBODYS = {"total": 0, "pending": 0, "running": 0, "stale": 0, "terminated": 0, "failed": 0}


async def figures(caller: Caller) -> dict[str, Any]:
    answer = await caller.get("/system/stats")
    assert answer.status == 200, answer.text
    return dict(answer.body)


async def report(live: Live, environment: dict[str, Any], sandboxes: int | None) -> None:
    """As its agent would."""
    said = EnvironmentReport(
        environment_id=environment["id"],
        reported_at=live.runtime.clock.now(),
        sandboxes=sandboxes,
    )
    async with live.runtime.storage.transaction() as tx:
        assert await tx.reports.put(said)


async def test_everybody_gets_figures_of_what_they_see(live: Live, people: People) -> None:
    running = await register(people.user, status="running")
    await register(people.user)
    theirs = await register(people.other_user, status="running")
    await register(people.other_user, status="failed")
    await report(live, running, 3)

    assert await figures(people.viewer.caller) == {
        "environments": NOBODYS,
        "running_sandboxes": 0,
    }
    assert await figures(people.user.caller) == {
        "environments": NOBODYS | {"total": 2, "pending": 1, "running": 1},
        "running_sandboxes": 3,
    }
    await share(people.other_user, theirs, people.user, "viewer")
    assert await figures(people.user.caller) == {
        "environments": NOBODYS | {"total": 3, "pending": 1, "running": 2},
        "running_sandboxes": 4,  # one that never said how many has one
    }
    of_all = await figures(people.admin.caller)
    assert of_all["environments"] == NOBODYS | {
        "total": 4,
        "pending": 1,
        "running": 2,
        "failed": 1,
    }
    assert of_all["running_sandboxes"] == 4


async def test_those_who_may_see_all_get_more(live: Live, people: People) -> None:
    await people.user.key()
    _, record = await live.make_key(people.user.caller)
    await people.user.caller.delete(f"/api-keys/{record['id']}")

    body = await figures(people.admin.caller)

    assert body["users"] == 9  # two of each role, and the one of the first start
    assert body["sessions"] >= 9
    assert body["api_keys"] == 1
    for person in (people.viewer, people.user):
        assert set(await figures(person.caller)) == {"environments", "running_sandboxes"}


async def test_a_key_gets_what_it_may_see(live: Live, people: People) -> None:
    mine = await register(people.admin, status="running")
    await register(people.user, status="running")
    entries = [{"environment_id": mine["id"], "permission": "viewer"}]
    limited = live.with_key(await people.admin.key(permissions=entries))
    narrow = live.with_key(await people.admin.key(scopes=["metrics:read"]))
    wide = live.with_key(await people.admin.key(scopes=["metrics:read", "system:read"]))
    none = live.with_key(await people.admin.key(scopes=["environments:read"]))

    one, both = NOBODYS | {"total": 1, "running": 1}, NOBODYS | {"total": 2, "running": 2}
    assert await figures(limited) == {"environments": one, "running_sandboxes": 1}
    assert await figures(narrow) == {"environments": both, "running_sandboxes": 2}
    assert "users" in await figures(wide)
    refused = await none.get("/system/stats")
    assert (refused.status, refused.error) == (403, "insufficient_scope")


async def test_what_has_stopped_reporting_does_not_count_as_running(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    mine = await register(people.user, status="running")
    await register(people.user, status="running")  # reports never, and so is never late
    await report(live, mine, 5)
    assert (await figures(people.user.caller))["running_sandboxes"] == 6
    assert (await figures(people.admin.caller))["running_sandboxes"] == 6

    clock.advance(live.runtime.settings.environments.stale_after.total_seconds() + 1)

    for caller in (people.user.caller, people.admin.caller):
        body = await figures(caller)
        assert body["environments"] == NOBODYS | {"total": 2, "running": 1, "stale": 1}
        assert body["running_sandboxes"] == 1


async def test_one_that_was_just_started_again_counts_as_running_for_whoever_looks(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    mine = await register(people.user, status="running")
    await report(live, mine, 5)
    await people.user.caller.patch(path_of(mine), {"status": "terminated"})
    clock.advance(live.runtime.settings.environments.stale_after.total_seconds() + 1)
    await people.user.caller.patch(path_of(mine), {"status": "running"})

    for caller in (people.user.caller, people.admin.caller):
        body = await figures(caller)
        assert body["environments"] == NOBODYS | {"total": 1, "running": 1}
        assert body["running_sandboxes"] == 1


async def test_sandboxes_are_added_up_over_more_environments_than_are_read_at_once(
    live: Live, people: People
) -> None:
    now, count = live.runtime.clock.now(), 2 * AT_ONCE + 1
    async with live.runtime.storage.transaction() as tx:
        for number in range(count):
            environment = Environment(
                id=new_id(),
                user_id=people.user.id,
                name=f"box {number}",
                status=EnvironmentStatus.RUNNING,
                created_at=now - timedelta(seconds=number % 7),
            )
            await tx.environments.add(environment)
            await tx.grants.add(
                Grant(
                    id=new_id(),
                    user_id=people.user.id,
                    environment_id=environment.id,
                    permission=Permission.OWNER,
                    granted_at=now,
                )
            )

    body = await figures(people.user.caller)

    assert (body["environments"]["running"], body["running_sandboxes"]) == (count, count)


async def test_logins_of_the_last_day_are_counted(live: Live, people: People) -> None:
    at = some_hours_ago(live)
    for name, value in (("logins", 3.0), ("logins_refused", 2.0)):
        long_ago = at - timedelta(days=2)
        await store(live.runtime.storage, name, {long_ago: 50.0, at: value, at + MINUTE: value})

    logins = (await figures(people.admin.caller))["logins"]

    # Those that the server has counted meanwhile come on top.
    assert logins["ok"] in range(6, 40)
    assert logins["refused"] == 4


async def test_what_was_counted_since_the_last_tick_is_there_after_a_restart(
    template: Template, tmp_path: Path, clock: ShiftedClock
) -> None:
    template.copy_to(tmp_path)
    clock.advance((25 * HOUR).total_seconds())  # what others counted is older
    async with live_server(tmp_path, clock=clock) as live:
        for _ in range(3):
            await live.sign_in("admin.person")
    async with live_server(tmp_path, clock=clock) as live:
        clock.advance(60)  # a chart has whole steps
        admin = await live.sign_in("admin.person")

        assert (await figures(admin))["logins"]["ok"] == 3


async def test_logins_are_left_out_where_none_are_counted(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    clock = ShiftedClock()
    clock.advance((25 * HOUR).total_seconds())
    async with live_server(
        tmp_path, environ={"AGENTBOX_METRICS_ENABLED": "false"}, clock=clock
    ) as live:
        admin = await live.sign_in("admin.person")

        assert "logins" not in await figures(admin)
