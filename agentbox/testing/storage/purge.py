"""Purging takes what is over, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from agentbox.model.api_keys import RateMark
from agentbox.model.metrics import Level, Sample
from agentbox.model.throttles import Counter
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_digest,
    a_login_flow,
    a_password_reset,
    a_session,
    a_signing_key,
    a_user,
    an_api_key,
)
from agentbox.testing.storage.charts import (
    ENVIRONMENT,
    SECOND,
    START,
    USERS,
    add_environment,
    chart,
    note_made,
    purge,
    put_values,
    roll_up,
    series,
)
from agentbox.testing.storage.crud.throttles import guess_wrong
from agentbox.testing.storage.harness import StorageTests


class PurgeTests(StorageTests):
    """Purging."""

    async def test_sessions_go_once_they_have_expired(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session("old", expires_at=NOON - TICK))
            await tx.sessions.add(a_session("older", expires_at=NOON - HOUR, ended_at=NOON - HOUR))
            await tx.sessions.add(a_session("now", expires_at=NOON))
            await tx.sessions.add(a_session("ended", ended_at=NOON - HOUR))

            assert await tx.sessions.purge(NOON) == 2
            assert await tx.sessions.purge(NOON) == 0

            assert await tx.sessions.get("old") is None
            assert await tx.sessions.get("older") is None
            assert await tx.sessions.get("now") is not None
            assert await tx.sessions.get("ended") is not None
            assert await tx.users.get("user-1") is not None

    async def test_signing_keys_go_once_they_verify_nothing(self, storage: Storage) -> None:
        retired = {"old": NOON - TICK, "now": NOON, "later": NOON + HOUR, "never": None}
        async with storage.transaction() as tx:
            for number, (id_, at) in enumerate(retired.items()):
                created = NOON - HOUR + number * TICK
                await tx.signing_keys.add(a_signing_key(id_, created_at=created, retired_at=at))

            assert await tx.signing_keys.purge(NOON) == 1
            assert await tx.signing_keys.purge(NOON) == 0

            left = [key.id for key in await tx.signing_keys.list()]
            assert left == ["now", "later", "never"]

    async def test_rows_of_jobs_go_once_nobody_has_had_them_for_long(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            dues = {"never-begun": NOON - TICK, "due-now": NOON, "yearly": NOON + 9 * HOUR}
            for name, due in dues.items():
                await tx.jobs.ensure(name, due)
            for name, began, ends in (
                ("begun-before", NOON - TICK, NOON - TICK),
                ("begun-since", NOON, NOON - TICK),
                ("held-before", NOON - HOUR, NOON - TICK),
                ("held-since", NOON - HOUR, NOON),
            ):
                await tx.jobs.ensure(name, NOON - HOUR)
                await tx.jobs.claim(name, began, ends)
            for name, at in (("asked-for-before", NOON - TICK), ("asked-for-since", NOON)):
                await tx.jobs.ensure(name, NOON - HOUR)
                await tx.jobs.run_now(name, at)

            names = [state.name for state in await tx.jobs.list()]
            gone = {name for name in names if await tx.jobs.forget(name, NOON)}
            assert gone == {"never-begun", "begun-before", "held-before", "asked-for-before"}
            assert [state.name for state in await tx.jobs.list()] == [
                name for name in names if name not in gone
            ]
            assert not await tx.jobs.forget("never-begun", NOON)

    async def test_what_is_over_goes_however_much_it_is(self, storage: Storage) -> None:
        over = 1_201
        async with storage.transaction() as tx:
            for number in range(over):
                await tx.login_flows.add(a_login_flow(f"old-{number}", expires_at=NOON - TICK))
            await tx.login_flows.add(a_login_flow("waiting", expires_at=NOON))
        gone: list[int] = []
        while not gone or gone[-1]:
            async with storage.transaction() as tx:
                gone.append(await tx.login_flows.purge(NOON))

        assert sum(gone) == over
        async with storage.transaction(read_only=True) as tx:
            assert await tx.login_flows.find("waiting", NOON - TICK) is not None

    async def test_login_flows_go_once_they_have_expired(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow("old", expires_at=NOON - TICK))
            await tx.login_flows.add(a_login_flow("waiting", expires_at=NOON + TICK))

            assert await tx.login_flows.purge(NOON) == 1
            assert await tx.login_flows.purge(NOON) == 0

            assert await tx.login_flows.take("waiting", "totp", NOON) is not None

    async def test_reset_secrets_go_once_they_have_expired(self, storage: Storage) -> None:
        ends = {"older": NOON - HOUR, "old": NOON - TICK, "now": NOON, "waiting": NOON + TICK}
        async with storage.transaction() as tx:
            for id_, expires_at in ends.items():
                await tx.users.add(a_user(id_))
                reset = a_password_reset(id_, created_at=NOON - 2 * HOUR, expires_at=expires_at)
                await tx.password_resets.put(reset)

            assert await tx.password_resets.purge(NOON) == 2
            assert await tx.password_resets.purge(NOON) == 0

            left = [id_ for id_ in ends if await tx.password_resets.get(id_) is not None]
            assert left == ["now", "waiting"]
            assert await tx.users.get("old") is not None

    async def test_counters_of_guesses_go_once_they_say_nothing(self, storage: Storage) -> None:
        free, blocked, running = (Counter("account", each) for each in ("free", "blocked", "runs"))
        async with storage.transaction() as tx:
            ends_at = (await guess_wrong(tx, free)).ends_at
            assert (await guess_wrong(tx, blocked, limit=1)).ends_at == ends_at
            await guess_wrong(tx, running)
            await tx.throttles.reserve(running, NOON, NOON + HOUR)
            await tx.throttles.note_success("free", "192.0.2.7", NOON)

            assert await tx.throttles.purge(ends_at, ends_at - HOUR, NOON) == 0
            assert await tx.throttles.purge(ends_at + TICK, ends_at, NOON) == 1
            assert await tx.throttles.purge(ends_at + TICK, ends_at + TICK, NOON) == 1
            assert await tx.throttles.purge(NOON + 2 * HOUR, NOON, NOON + TICK) == 2

            tally = await tx.throttles.reserve(blocked, NOON, NOON + HOUR)
            assert (tally.failures, tally.running, tally.blocks) == (0, 1, 0)
            assert not await tx.throttles.known("free", "192.0.2.7", NOON - HOUR)

    async def test_uses_go_hour_by_hour(self, storage: Storage) -> None:
        hour = NOON.replace(minute=0, second=0, microsecond=0)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_ in ("one", "two"):
                await tx.api_keys.add(an_api_key(id_), a_digest(id_))
                await tx.api_key_usage.add({(id_, hour - HOUR): 1, (id_, hour): 2})
            await tx.api_key_usage.add({("one", hour + HOUR): 3})

            assert await tx.api_key_usage.purge(hour) == 2
            assert await tx.api_key_usage.purge(hour) == 0

            span = (hour - 9 * HOUR, hour + 9 * HOUR)
            assert list(await tx.api_key_usage.list("one", *span)) == [(hour, 2), (hour + HOUR, 3)]
            assert list(await tx.api_key_usage.list("two", *span)) == [(hour, 2)]
            assert await tx.api_keys.get("one") is not None

    async def test_marks_go_once_the_last_of_their_key_is_old(self, storage: Storage) -> None:
        lasts = {"old": NOON - TICK, "now": NOON, "new": NOON + TICK}
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_, last in lasts.items():
                await tx.api_keys.add(an_api_key(id_), a_digest(id_))
                marks = [RateMark(NOON - HOUR, 1), RateMark(last, 1)]
                assert await tx.api_key_rates.put(id_, marks)

            assert await tx.api_key_rates.purge(NOON) == 1
            assert await tx.api_key_rates.purge(NOON) == 0

            left = {id_: len(await tx.api_key_rates.get(id_)) for id_ in lasts}
            assert left == {"old": 0, "now": 2, "new": 2}
            assert await tx.api_keys.get("old") is not None

    async def test_samples_go_level_by_level_once_they_are_old(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await add_environment(tx)
            for id_ in (ENVIRONMENT, None):
                await put_values(tx, 1.0, 2.0, 3.0, every=HOUR, environment_id=id_)
            await roll_up(tx, Level.MINUTE, note=False)
            await roll_up(tx, Level.HOUR, note=False)

            await purge(tx, Level.RAW, START + 2 * HOUR)
            await purge(tx, Level.MINUTE, START + HOUR)
            for id_ in (ENVIRONMENT, None):
                left = await chart(tx, step=HOUR, environment_id=id_)
                assert left == [(START + 2 * HOUR, 3.0)]

            await note_made(tx, Level.MINUTE, START + 9 * HOUR)
            left = await chart(tx, level=Level.MINUTE, step=HOUR)
            assert left == [(START + HOUR, 2.0), (START + 2 * HOUR, 3.0)]
            await note_made(tx, Level.HOUR, START + 9 * HOUR)
            assert len(await chart(tx, level=Level.HOUR, step=HOUR)) == 3

    async def test_however_many_rows_of_a_series_are_old_they_all_go(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            for type_, ticks in (("few", 3), ("many", 1100), ("fewer", 2)):
                for number in range(ticks):
                    await tx.metrics.put(START + number * SECOND, [Sample(type_, 1.0)])

            await purge(tx, Level.RAW, START + SECOND)
            left = {
                type_: len(await chart(tx, step=SECOND, type_=type_, environment_id=None))
                for type_ in ("few", "many", "fewer")
            }
            assert left == {"few": 2, "many": 1099, "fewer": 1}

            await purge(tx, Level.RAW, START + 1090 * SECOND)
            assert await chart(tx, step=SECOND, type_="few", environment_id=None) == []
            many = await chart(tx, step=SECOND, type_="many", environment_id=None)
            assert [at for at, _ in many] == [START + n * SECOND for n in range(1090, 1100)]
            assert len(await series(tx)) == 1

    async def test_a_series_without_any_row_goes_too(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await put_values(tx, 1.0, environment_id=None)
            await tx.metrics.put(START + HOUR, [Sample(USERS, 1.0)])
            await roll_up(tx, Level.MINUTE)
            await roll_up(tx, Level.HOUR)
            await roll_up(tx, Level.DAY)

            for level in (Level.RAW, Level.HOUR, Level.DAY):
                await purge(tx, level, START + TICK + HOUR)
                assert len(await series(tx)) == 2, level
            await purge(tx, Level.MINUTE, START + HOUR)
            assert len(await series(tx)) == 1

            # Made anew, with nothing of what was there.
            await put_values(tx, 9.0, start=START + HOUR, environment_id=None)
            assert await chart(tx, environment_id=None) == [(START + HOUR, 9.0)]

    async def test_series_of_an_environment_that_is_gone_go_whatever_their_age(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            for id_ in (ENVIRONMENT, "stays"):
                await add_environment(tx, id_)
                await put_values(tx, *[1.0] * 900, environment_id=id_)
            for level in (Level.MINUTE, Level.HOUR, Level.DAY):
                await roll_up(tx, level)
            await tx.environments.delete(ENVIRONMENT)
            assert await chart(tx) != []

            for level in Level:
                await purge(tx, level, START)

            assert len(await series(tx)) == 1
            for level in Level:
                step = timedelta(days=1)
                assert await chart(tx, level=level, step=step) == []
                stays = await chart(tx, level=level, step=step, environment_id="stays")
                assert stays == [(START, 1.0)]
