"""Keys that are rotated because it is time, as quietly as by command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest_asyncio

from agentbox.model.signing_keys import ANNOUNCED_FOR, LONGEST_TOKEN
from agentbox.plugin.options import Secret
from agentbox_jwt.descriptor import JwtOptions
from tests.e2e.audit.reading import listed
from tests.e2e.people import People, Template
from tests.e2e.signing.test_rotation import announced, published, signing
from tests.live import Live, ShiftedClock, live_server

EVERY = timedelta(days=30)
ENVIRON = {"AGENTBOX_PLUGINS__JWT__ROTATE_EVERY": "30d", "AGENTBOX_JWT_EXPIRY": "24h"}


@pytest_asyncio.fixture
async def live(template: Template, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Live]:
    template.copy_to(tmp_path)
    async with live_server(tmp_path, clock=clock, environ=ENVIRON) as server:
        yield server


async def look(live: Live, clock: ShiftedClock) -> None:
    """The job's run that is due by now, and its end."""
    storage = live.runtime.storage
    async with storage.transaction() as tx:
        before = await tx.jobs.get("rotate-keys")
        await tx.jobs.run_now("rotate-keys", clock.now())
    assert before is not None
    async with asyncio.timeout(20):
        while True:
            await live.runtime.scheduling.scheduler.look()
            async with storage.transaction(read_only=True) as tx:
                state = await tx.jobs.get("rotate-keys")
            assert state is not None
            if state.lease_until is None and state.fence > before.fence and not state.asked_at:
                return
            await asyncio.sleep(0.01)


# JWT-10, on a schedule: announced first, and the old one verifies as long as its tokens live
async def test_a_key_that_has_signed_for_long_enough_gets_a_successor_that_nobody_notices(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    old = await signing(live, people)
    await look(live, clock)
    assert await published(live) == [old]

    clock.advance(EVERY.total_seconds() + 60)
    caller = await live.sign_in(people.user.username)
    await look(live, clock)
    both = await published(live)
    assert len(both) == 2
    assert await signing(live, people) == old
    assert (await caller.get("/auth/me")).status == 200

    clock.advance(announced())
    new = await signing(live, people)
    assert new != old
    assert set(both) == {old, new}
    assert (await caller.get("/auth/me")).status == 200

    clock.advance((LONGEST_TOKEN + ANNOUNCED_FOR).total_seconds())
    assert await published(live) == [new]


async def test_it_is_rotated_once_and_audited(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    clock.advance(EVERY.total_seconds() + 60)
    for _ in range(3):
        await look(live, clock)

    assert len(await published(live)) == 2
    admin = await live.sign_in(people.super_admin.username)
    [row] = await listed(live, admin, event="signing_key.rotate")
    assert (row["actor"], row["details"]["compromised"]) == ("system", False)


async def test_a_rotation_by_command_begins_the_time_anew(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    clock.advance(EVERY.total_seconds() - 3600)
    admin = await live.sign_in(people.super_admin.username)
    answer = await admin.post("/system/keys/rotate", {})
    assert answer.status == 200
    clock.advance(7200)
    before = await published(live)
    await look(live, clock)

    assert await published(live) == before


async def test_without_the_setting_keys_are_rotated_by_command_alone(
    template: Template, tmp_path: Path, clock: ShiftedClock
) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path, clock=clock) as live:
        answer = await People(live, template).admin.caller.get("/system/jobs")
    assert "rotate-keys" not in {job["name"] for job in answer.body["jobs"]}


def test_a_schedule_that_is_too_quick_is_refused() -> None:
    (fault,) = JwtOptions(rotate_every=timedelta(hours=23)).check()
    assert "at least 1d" in fault
    assert JwtOptions(rotate_every=timedelta(days=1)).check() == []


async def test_a_shared_secret_is_not_rotated_and_the_doctor_says_so(
    template: Template, tmp_path: Path
) -> None:
    secret = "9hV2mXqL7tRz4kWc8bNs1yPf6dGj3uEa"
    options = JwtOptions(secret=Secret(secret), rotate_every=EVERY)
    assert options.check() == []
    assert ["shared secret" in each for each in options.weaknesses()] == [True]

    template.copy_to(tmp_path)
    async with live_server(tmp_path, environ={**ENVIRON, "AGENTBOX_JWT_SECRET": secret}) as live:
        answer = await People(live, template).admin.caller.get("/system/jobs")
    assert answer.status == 200
    assert "rotate-keys" not in {job["name"] for job in answer.body["jobs"]}
