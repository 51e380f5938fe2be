"""Everything in a transaction, or nothing; and nobody sees the half of it."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.errors import Conflict, StorageError
from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import RateMark
from agentbox.model.environments import EnvironmentFilter
from agentbox.model.jobs import Lease
from agentbox.model.metrics import Level
from agentbox.model.throttles import Counter
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import (
    HOUR,
    NOON,
    a_digest,
    a_grant,
    a_password,
    a_password_reset,
    a_report,
    a_session,
    a_user,
    an_api_key,
    an_environment,
    an_event,
    an_identity,
)
from agentbox.testing.storage.charts import (
    ENVIRONMENT,
    add_environment,
    chart,
    put_values,
    roll_up,
    series,
)
from agentbox.testing.storage.harness import StorageTests

BLUE = EnvironmentFilter(label=("team", "blue"))


class Refused(Exception):
    """What a use case raises to undo what it has done."""


async def _count(storage: Storage) -> int:
    async with storage.transaction(read_only=True) as tx:
        return await tx.users.count(UserFilter())


class RollbackTests(StorageTests):
    """Transactions."""

    async def test_an_exception_undoes_everything(self, storage: Storage) -> None:
        with pytest.raises(Refused):
            async with storage.transaction() as tx:
                await tx.users.add(a_user())
                await tx.passwords.put(a_password())
                await tx.sessions.add(a_session())
                await tx.audit.add(an_event())
                await tx.markers.claim("name", "value")
                await tx.password_resets.put(a_password_reset())
                await tx.api_keys.add(an_api_key(), a_digest())
                await tx.api_key_usage.add({("key-1", NOON): 1})
                await tx.environments.add(an_environment(labels={"team": "blue"}))
                await tx.grants.add(a_grant())
                raise Refused

        async with storage.transaction(read_only=True) as tx:
            assert await tx.users.get("user-1") is None
            assert await tx.passwords.get("user-1") is None
            assert await tx.sessions.get("session-1") is None
            assert list(await tx.audit.last(9)) == []
            assert await tx.markers.get("name") is None
            assert await tx.password_resets.get("user-1") is None
            assert await tx.api_keys.get("key-1") is None
            assert list(await tx.api_key_usage.list("key-1", NOON, NOON + HOUR)) == []
            assert await tx.environments.get("environment-1", "user-1") is None
            assert await tx.environments.count(BLUE) == 0
            assert await tx.grants.get("user-1", "environment-1") is None

    async def test_an_exception_undoes_changes_of_what_was_there(self, storage: Storage) -> None:
        environment = an_environment(labels={"team": "blue"})
        key = an_api_key()
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(environment)
            await tx.grants.add(a_grant())
            await tx.api_keys.add(key, a_digest())
            await tx.password_resets.put(a_password_reset())

        with pytest.raises(Refused):
            async with storage.transaction() as tx:
                await tx.environments.replace(an_environment(name="another"))
                await tx.grants.replace(a_grant(permission=Permission.OWNER))
                await tx.api_keys.replace(an_api_key(name="another"))
                await tx.password_resets.take("user-1", a_password_reset().digest, NOON)
                await tx.environments.delete(environment.id)
                raise Refused

        async with storage.transaction(read_only=True) as tx:
            seen = (environment, Permission.VIEWER)
            assert await tx.environments.get(environment.id, "user-1") == seen
            assert await tx.environments.count(BLUE) == 1
            assert await tx.api_keys.get(key.id) == key
            assert await tx.password_resets.get("user-1") == a_password_reset()

    async def test_an_exception_undoes_links_of_identities(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_ in ("used", "unlinked"):
                await tx.identities.add(an_identity(id_))

        with pytest.raises(Refused):
            async with storage.transaction() as tx:
                await tx.identities.add(an_identity("added"))
                await tx.identities.note_use("used", None, NOON + HOUR)
                await tx.identities.unlink("unlinked", NOON)
                raise Refused

        async with storage.transaction(read_only=True) as tx:
            assert list(await tx.identities.of_user("user-1")) == [
                an_identity("unlinked"),
                an_identity("used"),
            ]
            assert await tx.identities.unlinked_of("user-1") == frozenset()

    async def test_a_guess_that_is_refused_charges_nothing(self, storage: Storage) -> None:
        counters = (Counter("account", "user-1"), Counter("total"))
        with pytest.raises(Refused):
            async with storage.transaction() as tx:
                for counter in counters:
                    await tx.throttles.reserve(counter, NOON, NOON + HOUR)
                await tx.throttles.note_success("user-1", "192.0.2.7", NOON)
                raise Refused

        async with storage.transaction() as tx:
            for counter in counters:
                assert (await tx.throttles.reserve(counter, NOON, NOON + HOUR)).running == 1
            assert not await tx.throttles.known("user-1", "192.0.2.7", NOON - HOUR)

    async def test_a_use_that_is_refused_leaves_no_mark(self, storage: Storage) -> None:
        marks = [RateMark(NOON, 1)]
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_ in ("used", "unused"):
                await tx.api_keys.add(an_api_key(id_), a_digest(id_))
            await tx.api_key_rates.put("used", marks)

        with pytest.raises(Refused):
            async with storage.transaction() as tx:
                for id_ in ("used", "unused"):
                    await tx.api_key_rates.put(id_, [RateMark(NOON, 2)])
                raise Refused

        async with storage.transaction(read_only=True) as tx:
            assert list(await tx.api_key_rates.get("used")) == marks
            assert list(await tx.api_key_rates.get("unused")) == []

    async def test_samples_and_reports_of_a_transaction_that_failed_are_not_there(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await add_environment(tx)

        with pytest.raises(Refused):
            async with storage.transaction() as tx:
                await put_values(tx, 1.0)
                await roll_up(tx, Level.MINUTE)
                await tx.reports.put(a_report())
                raise Refused

        async with storage.transaction() as tx:
            assert await tx.reports.get([ENVIRONMENT]) == {}
            assert await tx.metrics.rolled_up() == {}
            assert await chart(tx) == []
            assert list(await series(tx)) == []

    async def test_a_conflict_undoes_what_came_before_it(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("1", username="bob"))

        with pytest.raises(Conflict):
            async with storage.transaction() as tx:
                await tx.users.add(a_user("2"))
                await tx.users.add(a_user("3", username="bob"))

        assert await _count(storage) == 1

    async def test_cancellation_undoes_everything(self, storage: Storage) -> None:
        inside = asyncio.Event()

        async def write() -> None:
            async with storage.transaction() as tx:
                await tx.users.add(a_user())
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(write())
        await inside.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert await _count(storage) == 0

    async def test_after_a_rollback_others_can_write(self, storage: Storage) -> None:
        with pytest.raises(Refused):
            async with storage.transaction() as tx:
                await tx.users.add(a_user())
                raise Refused

        async with storage.transaction() as tx:
            await tx.users.add(a_user())
        assert await _count(storage) == 1

    async def test_nobody_sees_what_is_not_committed(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            assert await _count(storage) == 0
        assert await _count(storage) == 1

    async def test_a_reading_transaction_sees_one_state(self, storage: Storage) -> None:
        async with storage.transaction(read_only=True) as reading:
            assert await reading.users.count(UserFilter()) == 0
            async with storage.transaction() as tx:
                await tx.users.add(a_user())
            assert await reading.users.count(UserFilter()) == 0
            assert await reading.users.get("user-1") is None

    async def test_a_reading_transaction_can_t_write(self, storage: Storage) -> None:
        with pytest.raises(StorageError):
            async with storage.transaction(read_only=True) as tx:
                await tx.users.add(a_user())

        assert await _count(storage) == 0

    async def test_a_transaction_is_over_when_it_is_over(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            pass

        with pytest.raises(StorageError):
            await tx.users.add(a_user())
        assert await _count(storage) == 0

    async def test_a_job_that_lost_its_lease_writes_nothing(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            stale = await tx.jobs.claim("job", NOON, NOON + HOUR)
            held = await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR)

        async with storage.transaction(lease=held) as tx:
            await tx.users.add(a_user("written"))
        for lost in (stale, Lease("no-such-job", 1)):
            with pytest.raises(StorageError):
                async with storage.transaction(lease=lost) as tx:
                    await tx.users.add(a_user("lost"))

        assert await _count(storage) == 1
