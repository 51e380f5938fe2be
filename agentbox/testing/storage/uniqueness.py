"""Names and ids are given once."""

from __future__ import annotations

import pytest

from agentbox.errors import Conflict
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import (
    NOON,
    a_digest,
    a_grant,
    a_login_flow,
    a_session,
    a_signing_key,
    a_user,
    an_api_key,
    an_environment,
    an_event,
    an_identity,
)
from agentbox.testing.storage.harness import StorageTests, in_transaction


class UniquenessTests(StorageTests):
    """A second one is refused with `Conflict`, whose sentence is for clients."""

    async def test_a_username_is_unique_without_regard_to_case(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("1", username="Bob"))

        with pytest.raises(Conflict, match="username"):
            async with storage.transaction() as tx:
                await tx.users.add(a_user("2", username="bOB"))

    async def test_an_email_address_is_unique(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("1", email="bob@example.org"))

        with pytest.raises(Conflict, match="e-mail"):
            async with storage.transaction() as tx:
                await tx.users.add(a_user("2", email="bob@example.org"))

    async def test_many_users_may_have_no_email_address(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("1", email=None))
            await tx.users.add(a_user("2", email=None))

    async def test_a_user_can_t_take_a_name_by_replacing(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("1", username="bob", email="bob@example.org"))
            await tx.users.add(a_user("2"))

        with pytest.raises(Conflict, match="username"):
            async with storage.transaction() as tx:
                await tx.users.replace(a_user("2", username="BOB"))
        with pytest.raises(Conflict, match="e-mail"):
            async with storage.transaction() as tx:
                await tx.users.replace(a_user("2", email="bob@example.org"))

    async def test_a_user_keeps_its_own_name_when_replaced(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("1", username="bob", email="bob@example.org"))
            assert await tx.users.replace(a_user("1", username="Bob", email="bob@example.org"))

    async def test_a_freed_name_can_be_taken(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("1", username="bob"))
            await tx.users.delete("1")
            await tx.users.add(a_user("2", username="bob"))

    async def test_ids_are_unique_in_every_store(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session())
            await tx.login_flows.add(a_login_flow())
            await tx.api_keys.add(an_api_key(), a_digest())
            await tx.signing_keys.add(a_signing_key())
            await tx.audit.add(an_event())
            await tx.environments.add(an_environment())
            await tx.environments.add(an_environment("another"))
            await tx.grants.add(a_grant())
            await tx.identities.add(an_identity())

        for add in (
            lambda tx: tx.users.add(a_user(username="another")),
            lambda tx: tx.environments.add(an_environment(labels={"a": "b"})),
            lambda tx: tx.grants.add(a_grant(environment_id="another")),
            lambda tx: tx.identities.add(an_identity(subject="another")),
            lambda tx: tx.sessions.add(a_session()),
            lambda tx: tx.login_flows.add(a_login_flow()),
            lambda tx: tx.api_keys.add(an_api_key(), a_digest("another")),
            lambda tx: tx.signing_keys.add(a_signing_key()),
            lambda tx: tx.audit.add(an_event()),
        ):
            with pytest.raises(Conflict):
                await in_transaction(storage, add)

    async def test_an_identity_is_linked_once_to_whomever(self, storage: Storage) -> None:
        first = an_identity()
        async with storage.transaction() as tx:
            await tx.users.add(a_user("user-1"))
            await tx.users.add(a_user("user-2"))
            await tx.identities.add(first)
            elsewhere = an_identity("2", issuer="https://other.example.org", subject=first.subject)
            await tx.identities.add(elsewhere)
            await tx.identities.add(an_identity("3", email=first.email))

        for user_id in ("user-1", "user-2"):
            again = an_identity("4", user_id=user_id, subject=first.subject, provider="renamed")
            with pytest.raises(Conflict, match="sign-in is linked"):
                async with storage.transaction() as tx:
                    await tx.identities.add(again)

    async def test_an_identity_that_was_unlinked_is_linked_once_again(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("user-1"))
            await tx.users.add(a_user("user-2"))
            await tx.identities.add(an_identity("1", subject="the same"))
            await tx.identities.unlink("1", NOON)
            await tx.identities.add(an_identity("2", user_id="user-2", subject="the same"))

        with pytest.raises(Conflict, match="sign-in is linked"):
            async with storage.transaction() as tx:
                await tx.identities.add(an_identity("3", subject="the same"))

    async def test_a_digest_is_unique(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key("1"), a_digest())

        with pytest.raises(Conflict):
            async with storage.transaction() as tx:
                await tx.api_keys.add(an_api_key("2"), a_digest())

    async def test_a_user_has_one_grant_on_an_environment(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for id_ in ("user-1", "user-2"):
                await tx.users.add(a_user(id_))
                await tx.environments.add(an_environment(f"of-{id_}", user_id=id_))
            await tx.grants.add(a_grant("1", environment_id="of-user-1"))
            await tx.grants.add(a_grant("2", environment_id="of-user-2"))
            await tx.grants.add(a_grant("3", environment_id="of-user-1", user_id="user-2"))

        with pytest.raises(Conflict, match="permission on the environment"):
            async with storage.transaction() as tx:
                await tx.grants.add(a_grant("4", environment_id="of-user-1"))

    async def test_a_key_is_rotated_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_ in ("old", "other"):  # many were not rotated from any
                await tx.api_keys.add(an_api_key(id_), a_digest(id_))
            await tx.api_keys.add(an_api_key("new", rotated_from="old"), a_digest("new"))

        with pytest.raises(Conflict, match="rotated"):
            async with storage.transaction() as tx:
                await tx.api_keys.add(an_api_key("newer", rotated_from="old"), a_digest("newer"))
