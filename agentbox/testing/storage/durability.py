"""What was committed is there after the storage was closed and opened again."""

from __future__ import annotations

from agentbox.model.access.roles import Permission
from agentbox.model.environments import EnvironmentFilter
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Page, Storage
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
from agentbox.testing.storage.harness import StorageFactory, StorageTests, migrated


class DurabilityTests(StorageTests):
    """Durability. That a commit survives a crash is for the backend's own tests."""

    async def test_commits_are_there_after_reopening(self, factory: StorageFactory) -> None:
        environment = an_environment(labels={"team": "blue"}, orchestration={"ports": [22]})
        storage = await migrated(factory)
        async with storage.open():
            async with storage.transaction() as tx:
                await tx.users.add(a_user())
                await tx.passwords.put(a_password())
                await tx.sessions.add(a_session())
                await tx.api_keys.add(an_api_key(), a_digest())
                await tx.audit.add(an_event())
                await tx.markers.claim("name", "value")
                await tx.password_resets.put(a_password_reset())
                await tx.api_key_usage.add({("key-1", NOON): 1})
                await tx.environments.add(environment)
                await tx.grants.add(a_grant())

        again = factory.make()
        async with again.open(), again.transaction(read_only=True) as tx:
            assert await tx.users.get("user-1") == a_user()
            assert await tx.passwords.get("user-1") == a_password()
            assert await tx.sessions.get("session-1") == a_session()
            assert [each.digest for each in await tx.api_keys.issued(["key-1"])] == [a_digest()]
            assert list(await tx.audit.last(1)) == [an_event()]
            assert await tx.markers.get("name") == "value"
            assert await tx.password_resets.get("user-1") == a_password_reset()
            assert list(await tx.api_key_usage.list("key-1", NOON, NOON + HOUR)) == [(NOON, 1)]
            seen = (environment, Permission.VIEWER)
            assert await tx.environments.get(environment.id, "user-1") == seen
            by_label = EnvironmentFilter(label=("team", "blue"), granted_to="user-1")
            assert list(await tx.environments.list(by_label, Page(9), "user-1")) == [seen]

    async def test_a_revocation_is_there_after_reopening(self, factory: StorageFactory) -> None:
        storage = await migrated(factory)
        async with storage.open():
            async with storage.transaction() as tx:
                await tx.users.add(a_user())
                await tx.api_keys.add(an_api_key(), a_digest())
            async with storage.transaction() as tx:
                await tx.api_keys.revoke("key-1", NOON)

        async with storage.open(), storage.transaction(read_only=True) as tx:
            assert await tx.api_keys.get("key-1") == an_api_key(revoked_at=NOON)

    async def test_another_instance_sees_a_commit_at_once(
        self, storage: Storage, factory: StorageFactory
    ) -> None:
        other = factory.make()
        async with other.open():
            async with storage.transaction() as tx:
                await tx.users.add(a_user())
            async with other.transaction(read_only=True) as tx:
                assert await tx.users.get("user-1") == a_user()

    async def test_a_command_works_beside_a_server(
        self, storage: Storage, factory: StorageFactory
    ) -> None:
        command = factory.make()
        async with command.open(brief=True), command.transaction() as tx:
            await tx.users.add(a_user("1"))
        async with storage.transaction() as tx:
            await tx.users.add(a_user("2"))
        async with storage.transaction(read_only=True) as tx:
            assert await tx.users.count(UserFilter()) == 2
