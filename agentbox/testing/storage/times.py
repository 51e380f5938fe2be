"""Times: exact to the microsecond, aware, UTC, and of one clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from agentbox.model.access.roles import Permission
from agentbox.model.metrics import Level
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_digest,
    a_grant,
    a_login_flow,
    a_password_reset,
    a_report,
    a_session,
    a_user,
    an_api_key,
    an_environment,
)
from agentbox.testing.storage.charts import (
    ENVIRONMENT,
    SECOND,
    START,
    add_environment,
    chart,
    note_made,
    put_values,
)
from agentbox.testing.storage.harness import StorageTests

FAR = (
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, 1, tzinfo=UTC),
    datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC),
)


class TimeTests(StorageTests):
    """Times."""

    @pytest.mark.parametrize("instant", FAR, ids=str)
    async def test_an_instant_comes_back_exactly(self, storage: Storage, instant: datetime) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user(created_at=instant, last_login=instant + TICK))
            user = await tx.users.get("user-1")

        assert user is not None
        assert user.created_at == instant
        assert user.last_login == instant + TICK
        assert user.created_at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize("instant", FAR, ids=str)
    async def test_every_time_of_an_environment_comes_back_exactly(
        self, storage: Storage, instant: datetime
    ) -> None:
        environment = an_environment(
            created_at=instant, started_at=instant + TICK, terminated_at=instant + 2 * TICK
        )
        grant = a_grant(granted_at=instant)
        reset = a_password_reset(created_at=instant, expires_at=instant + TICK)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(environment)
            await tx.grants.add(grant)
            await tx.password_resets.put(reset)
            await tx.api_keys.add(an_api_key(), a_digest())
            await tx.api_key_usage.add({("key-1", instant): 1})

            seen = await tx.environments.get(environment.id, "user-1")
            assert seen is not None
            assert seen == (environment, Permission.VIEWER)
            assert seen[0].created_at.utcoffset() == timedelta(0)
            assert await tx.grants.get("user-1", environment.id) == grant
            assert await tx.password_resets.get("user-1") == reset
            usage = await tx.api_key_usage.list("key-1", instant, instant + TICK)
            assert list(usage) == [(instant, 1)]

    async def test_samples_are_told_by_whole_seconds(self, storage: Storage) -> None:
        east = timezone(timedelta(hours=5, minutes=45))
        far = datetime(2100, 1, 1, tzinfo=UTC)
        async with storage.transaction() as tx:
            await put_values(tx, 1.0, start=START.astimezone(east), environment_id=None)
            await put_values(tx, 2.0, start=START + SECOND - TICK, environment_id=None)
            await put_values(tx, 3.0, start=far + TICK, environment_id=None)
            await note_made(tx, Level.HOUR, far)

            assert await chart(tx, environment_id=None) == [(START, 1.0)]
            points = await chart(
                tx, environment_id=None, start=far.astimezone(east), end=far + HOUR
            )
            assert points == [(far, 3.0)]
            assert points[0].at.utcoffset() == timedelta(0)
            assert await tx.metrics.rolled_up() == {Level.HOUR: far}

    @pytest.mark.parametrize("instant", FAR, ids=str)
    async def test_the_time_of_a_report_comes_back_exactly(
        self, storage: Storage, instant: datetime
    ) -> None:
        async with storage.transaction() as tx:
            await add_environment(tx)
            await tx.reports.put(a_report(reported_at=instant))

            assert len(await tx.reports.running(instant)) == 1
            assert len(await tx.reports.running(instant + TICK)) == 0
            reports = await tx.reports.get([ENVIRONMENT])
            assert reports[ENVIRONMENT].reported_at == instant
            assert reports[ENVIRONMENT].reported_at.utcoffset() == timedelta(0)

    async def test_another_offset_is_the_same_instant(self, storage: Storage) -> None:
        east = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
        async with storage.transaction() as tx:
            await tx.users.add(a_user(created_at=east))
            user = await tx.users.get("user-1")

        assert user is not None
        assert user.created_at == NOON
        assert user.created_at.utcoffset() == timedelta(0)

    async def test_a_microsecond_decides(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow(expires_at=NOON + HOUR))
            assert await tx.login_flows.find("flow-1", NOON + HOUR) is None
            assert await tx.login_flows.find("flow-1", NOON + HOUR - TICK) is not None
            assert await tx.login_flows.take("flow-1", "totp", NOON + HOUR) is None
            assert await tx.login_flows.take("flow-1", "totp", NOON + HOUR - TICK) is not None

    async def test_the_clock_goes_on_and_is_aware(self, storage: Storage) -> None:
        first = await storage.now()
        second = await storage.now()

        assert first.utcoffset() == timedelta(0)
        assert timedelta(0) <= second - first < timedelta(minutes=1)

    async def test_times_are_those_passed_in(self, storage: Storage) -> None:
        ended = NOON - 10 * HOUR
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session())
            await tx.sessions.end("session-1", ended)
            assert await tx.sessions.get("session-1") == a_session(ended_at=ended)
