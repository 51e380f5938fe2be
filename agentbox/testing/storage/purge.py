"""Purging takes what is over, and nothing else."""

from __future__ import annotations

from agentbox.plugin.storage import Storage
from agentbox.testing.samples import HOUR, NOON, TICK, a_login_flow, a_session, a_user
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

    async def test_login_flows_go_once_they_have_expired(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow("old", expires_at=NOON - TICK))
            await tx.login_flows.add(a_login_flow("waiting", expires_at=NOON + TICK))

            assert await tx.login_flows.purge(NOON) == 1
            assert await tx.login_flows.purge(NOON) == 0

            assert await tx.login_flows.take("waiting", NOON) is not None
