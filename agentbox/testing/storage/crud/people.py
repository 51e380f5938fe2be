"""Users and what they sign in with."""

from __future__ import annotations

import msgspec

from agentbox.model.access.roles import Role
from agentbox.model.environments import GrantFilter
from agentbox.model.users import PasswordRecord, Status
from agentbox.plugin.storage import Storage, Transaction
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_digest,
    a_grant,
    a_password,
    a_password_reset,
    a_session,
    a_user,
    an_api_key,
    an_environment,
)
from agentbox.testing.storage.harness import StorageTests

FULL_USER = a_user(
    username="Ada.Lovelace",
    email="ada@example.org",
    email_verified=True,
    role=Role.SUPER_ADMIN,
    status=Status.SUSPENDED,
    password_change_required=True,
    updated_at=NOON + TICK,
    last_login=NOON + HOUR,
    organization_id="elsewhere",
)


HOURLY = NOON.replace(minute=0, second=0, microsecond=0)


async def _left(tx: Transaction, user_id: str) -> list[object]:
    """What is there of a user."""
    usage = await tx.api_key_usage.list(f"key-of-{user_id}", NOON - HOUR, NOON + HOUR)
    found = (
        await tx.users.get(user_id),
        await tx.passwords.get(user_id),
        await tx.password_resets.get(user_id),
        await tx.sessions.get(f"session-of-{user_id}"),
        await tx.api_keys.get(f"key-of-{user_id}"),
        await tx.grants.get(user_id, "environment-1"),
        *usage,
    )
    return [each for each in found if each is not None]


class PersonTests(StorageTests):
    """Users, passwords, reset secrets."""

    async def test_a_user_comes_back_with_every_field(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(FULL_USER)

        async with storage.transaction(read_only=True) as tx:
            assert await tx.users.get(FULL_USER.id) == FULL_USER

    async def test_a_user_is_found_by_its_canonical_names(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(FULL_USER)
            assert await tx.users.by_username("ada.lovelace") == FULL_USER
            assert await tx.users.by_email("ada@example.org") == FULL_USER
            assert await tx.users.by_username("ada") is None
            assert await tx.users.by_email("ada@example.com") is None
            assert await tx.users.get("nobody") is None

    async def test_replacing_a_user_writes_the_whole_record(self, storage: Storage) -> None:
        changed = msgspec.structs.replace(FULL_USER, username="Countess", email=None)
        async with storage.transaction() as tx:
            await tx.users.add(a_user(FULL_USER.id))
            assert await tx.users.replace(changed)
            assert await tx.users.get(FULL_USER.id) == changed
            assert await tx.users.by_username("countess") == changed
            assert not await tx.users.replace(a_user("nobody"))

    async def test_a_login_is_noted_on_active_users_alone(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("active"))
            await tx.users.add(a_user("resting", status=Status.INACTIVE))

            assert await tx.users.note_login("active", NOON + HOUR)
            assert not await tx.users.note_login("resting", NOON + HOUR)
            assert not await tx.users.note_login("nobody", NOON + HOUR)

            assert await tx.users.get("active") == a_user("active", last_login=NOON + HOUR)
            assert await tx.users.get("resting") == a_user("resting", status=Status.INACTIVE)

    async def test_deleting_a_user_takes_all_that_hangs_on_it(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for id_ in ("user-1", "other"):
                await tx.users.add(a_user(id_))
                await tx.passwords.put(a_password(id_))
                await tx.password_resets.put(a_password_reset(id_))
                await tx.sessions.add(a_session(f"session-of-{id_}", user_id=id_))
                key_id = f"key-of-{id_}"
                await tx.api_keys.add(an_api_key(key_id, user_id=id_), a_digest(key_id))
                await tx.api_key_usage.add({(key_id, HOURLY): 1})
            await tx.environments.add(an_environment(user_id="other"))
            await tx.grants.add(a_grant("1"))
            await tx.grants.add(a_grant("2", user_id="other"))

        async with storage.transaction() as tx:
            assert await tx.users.delete("user-1")
            assert not await tx.users.delete("user-1")

        async with storage.transaction(read_only=True) as tx:
            assert await _left(tx, "user-1") == []
            assert len(await _left(tx, "other")) == 7

    async def test_under_a_deleted_user_s_name_nothing_of_it_is_there(
        self, storage: Storage
    ) -> None:
        """Not only is it not found: it is gone."""
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.users.add(a_user("other"))
            await tx.environments.add(an_environment(user_id="other"))
            await tx.grants.add(a_grant())
            await tx.password_resets.put(a_password_reset())
            await tx.users.delete("user-1")
            await tx.users.add(a_user())

            assert await tx.password_resets.get("user-1") is None
            assert await tx.grants.count(GrantFilter(user_id="user-1")) == 0

    async def test_a_password_hash_is_put_and_put_again(self, storage: Storage) -> None:
        later = PasswordRecord("user-1", "$argon2id$sample$two", NOON + HOUR)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            assert await tx.passwords.get("user-1") is None
            await tx.passwords.put(a_password())
            assert await tx.passwords.get("user-1") == a_password()
            await tx.passwords.put(later)
            assert await tx.passwords.get("user-1") == later

    async def test_a_hash_is_upgraded_only_while_it_is_the_old_one(self, storage: Storage) -> None:
        old = a_password().password_hash
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.passwords.put(a_password())
            assert await tx.passwords.upgrade("user-1", old, "new")
            assert not await tx.passwords.upgrade("user-1", old, "newer")
            assert await tx.passwords.get("user-1") == PasswordRecord("user-1", "new", NOON)

    async def test_a_password_hash_is_deleted_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for id_ in ("user-1", "other"):
                await tx.users.add(a_user(id_))
                await tx.passwords.put(a_password(id_))
            assert await tx.passwords.delete("user-1")
            assert not await tx.passwords.delete("user-1")
            assert await tx.passwords.get("user-1") is None
            assert await tx.passwords.get("other") == a_password("other")

    async def test_a_reset_secret_is_put_and_put_again(self, storage: Storage) -> None:
        later = a_password_reset(digest=a_digest("another"), expires_at=NOON + 2 * HOUR)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            assert await tx.password_resets.get("user-1") is None
            await tx.password_resets.put(a_password_reset())
            assert await tx.password_resets.get("user-1") == a_password_reset()
            await tx.password_resets.put(later)
            assert await tx.password_resets.get("user-1") == later
            assert not await tx.password_resets.take("user-1", a_digest("user-1"), NOON)
            assert await tx.password_resets.delete("user-1")
            assert not await tx.password_resets.delete("user-1")
            assert await tx.password_resets.get("user-1") is None

    async def test_a_reset_secret_is_taken_once_and_in_time(self, storage: Storage) -> None:
        digest = a_digest("user-1")
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.users.add(a_user("other"))
            await tx.password_resets.put(a_password_reset())

            assert not await tx.password_resets.take("user-1", a_digest("another"), NOON)
            assert not await tx.password_resets.take("other", digest, NOON)
            assert not await tx.password_resets.take("user-1", digest, NOON + HOUR)
            assert await tx.password_resets.take("user-1", digest, NOON + HOUR - TICK)
            assert not await tx.password_resets.take("user-1", digest, NOON)
            assert await tx.password_resets.get("user-1") is None
