"""Grants: who may do what with an environment."""

from __future__ import annotations

import pytest

from agentbox.errors import StorageError
from agentbox.model.access.roles import Permission, Role
from agentbox.plugin.storage import Storage, Transaction
from agentbox.testing.samples import HOUR, NOON, TICK, a_grant, a_user, an_environment
from agentbox.testing.storage.harness import StorageTests, in_transaction


async def _prepare(tx: Transaction) -> None:
    for id_ in ("user-1", "user-2", "user-3"):
        await tx.users.add(a_user(id_))
    for id_ in ("environment-1", "environment-2"):
        await tx.environments.add(an_environment(id_))


class GrantTests(StorageTests):
    """Grants."""

    async def test_a_grant_comes_back_with_every_field(self, storage: Storage) -> None:
        full = a_grant("2", user_id="user-2", permission=Permission.OWNER, granted_by="user-1")
        async with storage.transaction() as tx:
            await _prepare(tx)
            await tx.grants.add(a_grant())
            await tx.grants.add(full)

        async with storage.transaction(read_only=True) as tx:
            assert await tx.grants.get("user-1", "environment-1") == a_grant()
            assert await tx.grants.get("user-2", "environment-1") == full
            assert await tx.grants.get("user-1", "environment-2") is None
            assert await tx.grants.get("nobody", "environment-1") is None

    async def test_replacing_a_grant_writes_what_was_granted_and_by_whom(
        self, storage: Storage
    ) -> None:
        changed = a_grant(permission=Permission.OWNER, granted_by="user-2", granted_at=NOON + HOUR)
        elsewhere = a_grant(
            user_id="user-3",
            environment_id="environment-2",
            permission=Permission.OWNER,
            granted_by="user-2",
            granted_at=NOON + HOUR,
        )
        async with storage.transaction() as tx:
            await _prepare(tx)
            await tx.grants.add(a_grant())
            await tx.grants.add(a_grant("2", user_id="user-2"))

            assert await tx.grants.replace(elsewhere)
            assert not await tx.grants.replace(a_grant("none"))

            assert await tx.grants.get("user-1", "environment-1") == changed
            assert await tx.grants.get("user-2", "environment-1") == a_grant("2", user_id="user-2")
            assert await tx.grants.get("user-3", "environment-2") is None

    async def test_a_grant_is_deleted_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await _prepare(tx)
            await tx.grants.add(a_grant())
            await tx.grants.add(a_grant("2", environment_id="environment-2"))

            assert await tx.grants.delete("user-1", "environment-1")
            assert not await tx.grants.delete("user-1", "environment-1")

            assert await tx.grants.get("user-1", "environment-1") is None
            assert await tx.grants.get("user-1", "environment-2") is not None

    async def test_a_grant_outlives_the_one_who_gave_it(self, storage: Storage) -> None:
        grant = a_grant(granted_by="user-2")
        async with storage.transaction() as tx:
            await _prepare(tx)
            await tx.grants.add(grant)
            await tx.users.delete("user-2")
            assert await tx.grants.get("user-1", "environment-1") == grant

    async def test_owners_are_named_by_how_long_they_have_been(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await _prepare(tx)
            owner = a_grant("b", permission=Permission.OWNER, granted_at=NOON + TICK)
            await tx.grants.add(owner)
            await tx.grants.add(a_grant("c", user_id="user-2", permission=Permission.EDITOR))
            await tx.grants.add(
                a_grant("a", user_id="user-3", permission=Permission.OWNER, granted_at=NOON)
            )
            assert list(await tx.grants.owners("environment-1")) == ["user-3", "user-1"]
            assert list(await tx.grants.owners("environment-2")) == []
            assert list(await tx.grants.owners("none")) == []

    async def test_what_a_user_owns_alone_is_named(self, storage: Storage) -> None:
        owner = Permission.OWNER
        async with storage.transaction() as tx:
            await _prepare(tx)
            await tx.environments.add(an_environment("looked-at"))
            await tx.grants.add(a_grant("1", permission=owner))
            await tx.grants.add(a_grant("2", environment_id="environment-2", permission=owner))
            await tx.grants.add(a_grant("3", environment_id="looked-at"))
            await tx.grants.add(a_grant("4", user_id="user-2", permission=Permission.EDITOR))
            assert set(await tx.grants.sole_owned("user-1")) == {"environment-1", "environment-2"}
            assert list(await tx.grants.sole_owned("user-2")) == []

            shared = a_grant(
                "5", user_id="user-2", environment_id="environment-2", permission=owner
            )
            await tx.grants.add(shared)
            assert list(await tx.grants.sole_owned("user-1")) == ["environment-1"]
            assert list(await tx.grants.sole_owned("user-2")) == []

            await tx.users.replace(a_user("user-2", role=Role.VIEWER))
            assert set(await tx.grants.sole_owned("user-1")) == {"environment-1", "environment-2"}

    async def test_a_grant_needs_a_user_and_an_environment(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await _prepare(tx)

        for grant in (a_grant(user_id="nobody"), a_grant(environment_id="none")):
            with pytest.raises(StorageError):
                await in_transaction(storage, lambda tx, grant=grant: tx.grants.add(grant))  # type: ignore[misc]

    async def test_an_environment_needs_a_user(self, storage: Storage) -> None:
        with pytest.raises(StorageError):
            await in_transaction(
                storage, lambda tx: tx.environments.add(an_environment(user_id="nobody"))
            )
