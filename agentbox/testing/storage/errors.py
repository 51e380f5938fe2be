"""Nothing but errors of `agentbox.errors` leaves a backend."""

from __future__ import annotations

import asyncio
from datetime import datetime
from math import inf, nan
from typing import Any

import pytest

from agentbox.errors import AgentboxError, StorageError
from agentbox.model.environments import EnvironmentFilter
from agentbox.model.metrics import Level, Sample
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import (
    HOUR,
    NOON,
    a_digest,
    a_grant,
    a_password,
    a_password_reset,
    a_session,
    a_user,
    an_api_key,
    an_environment,
    an_event,
)
from agentbox.testing.storage.charts import chart
from agentbox.testing.storage.harness import (
    StorageFactory,
    StorageTests,
    in_transaction,
    migrated,
)


class ErrorTests(StorageTests):
    """Errors."""

    async def test_a_database_that_does_not_answer_can_t_be_opened(
        self, factory: StorageFactory
    ) -> None:
        with pytest.raises(StorageError):
            async with factory.unreachable().open():
                pass

    async def test_a_database_that_does_not_answer_can_t_be_migrated(
        self, factory: StorageFactory
    ) -> None:
        with pytest.raises(AgentboxError):
            await asyncio.to_thread(factory.unreachable().migrate, factory.folders)

    async def test_an_open_database_answers(self, storage: Storage) -> None:
        await storage.ping()

    @pytest.mark.parametrize("read_only", [True, False])
    async def test_a_closed_storage_says_so(self, factory: StorageFactory, read_only: bool) -> None:
        storage = await migrated(factory)
        async with storage.open():
            pass

        with pytest.raises(StorageError):
            async with storage.transaction(read_only=read_only) as tx:
                await tx.users.get("user-1")
        with pytest.raises(StorageError):
            await storage.ping()
        with pytest.raises(StorageError):
            await storage.now()

    async def test_what_belongs_to_nobody_is_refused(self, storage: Storage) -> None:
        for add in (
            lambda tx: tx.passwords.put(a_password("nobody")),
            lambda tx: tx.sessions.add(a_session(user_id="nobody")),
            lambda tx: tx.api_keys.add(an_api_key(user_id="nobody"), a_digest()),
            lambda tx: tx.password_resets.put(a_password_reset("nobody")),
            lambda tx: tx.environments.add(an_environment(user_id="nobody")),
            lambda tx: tx.grants.add(a_grant(environment_id="none")),
        ):
            with pytest.raises(AgentboxError):
                await in_transaction(storage, add)

    async def test_what_no_database_takes_is_refused(self, storage: Storage) -> None:
        for add in (
            lambda tx: tx.audit.add(an_event("half a pair", target="\ud800")),
            lambda tx: tx.markers.claim("half a pair", "\udfff"),
            lambda tx: tx.users.get("\ud800"),
            lambda tx: tx.users.add(a_user("naive", created_at=datetime(2026, 3, 1))),
            lambda tx: tx.environments.count(EnvironmentFilter(search="\ud800")),
            lambda tx: tx.environments.granted(["\udfff"], "user-1"),
            lambda tx: tx.reports.get(["\udfff"]),
            lambda tx: tx.reports.running(datetime(2026, 3, 1)),
            lambda tx: tx.metrics.put(NOON, [Sample("\ud800", 1.0)]),
            lambda tx: tx.metrics.put(datetime(2026, 3, 1), [Sample("cpu_usage", 1.0)]),
            lambda tx: tx.metrics.note_rolled_up(Level.HOUR, datetime(2026, 3, 1), was=None),
        ):
            with pytest.raises(AgentboxError):
                await in_transaction(storage, add)

    @pytest.mark.parametrize("value", [nan, inf, -inf, 1e300, -1e300], ids=str)
    async def test_a_sample_that_can_t_be_added_up_is_refused(
        self, storage: Storage, value: float
    ) -> None:
        for write in (
            lambda tx: tx.metrics.put(NOON, [Sample("cpu_usage", 1.0), Sample("users", value)]),
            lambda tx: tx.metrics.add(NOON, [Sample("users", value)]),
        ):
            with pytest.raises(StorageError):
                await in_transaction(storage, write)

        async with storage.transaction(read_only=True) as tx:
            for type_ in ("cpu_usage", "users"):
                span: dict[str, Any] = {"start": NOON - HOUR, "end": NOON + HOUR}
                assert await chart(tx, type_=type_, environment_id=None, **span) == []

    async def test_an_error_leaves_the_storage_usable(self, storage: Storage) -> None:
        with pytest.raises(AgentboxError):
            await in_transaction(storage, lambda tx: tx.users.get("\ud800"))

        async with storage.transaction() as tx:
            await tx.users.add(a_user())
        await storage.ping()
