"""Keys: API keys, how often they were used, and those that sign."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import ApiKeyUsage, IssuedKey, RateMark
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_digest,
    a_signing_key,
    a_user,
    an_api_key,
    an_entry,
)
from agentbox.testing.storage.harness import StorageTests

HOURLY = NOON.replace(minute=0, second=0, microsecond=0)


class KeyTests(StorageTests):
    """API keys and signing keys."""

    async def test_an_api_key_comes_back_with_every_field(self, storage: Storage) -> None:
        key = an_api_key(
            description="for the robot",
            scopes=("users:read", "a:b"),
            all_environments=Permission.OWNER,
            expires_at=NOON + HOUR,
            last_used=NOON + TICK,
            revoked_at=NOON + TICK,
            organization_id="elsewhere",
            permissions=(an_entry(), an_entry("gone", permission=Permission.OWNER)),
            allowed_cidrs=("192.0.2.0/24", "2001:db8::/32"),
            rate_limit="100/minute",
            rotated_from="gone-too",
        )
        bare = an_api_key("bare", name=None, scopes=(), all_environments=None)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(key, a_digest())
            await tx.api_keys.add(bare, a_digest("bare"))
            assert await tx.api_keys.get(key.id) == key
            assert await tx.api_keys.get("bare") == bare
            assert await tx.api_keys.get("none") is None
            assert await tx.api_keys.issued([key.id]) == [IssuedKey(key, a_digest(), a_user())]
            assert await tx.api_keys.issued(["none"]) == []

    async def test_issued_keys_come_with_their_own_owners_and_digests(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            for user in "ab":
                await tx.users.add(a_user(user))
            made = [an_api_key(str(number), user_id="ab"[number % 2]) for number in range(5)]
            for key in made:
                await tx.api_keys.add(key, a_digest(key.id))

        async with storage.transaction(read_only=True, single=True) as tx:
            found = await tx.api_keys.issued(["4", "none", "0", "1", "0"])

        expected = [
            IssuedKey(made[at], a_digest(str(at)), a_user("ab"[at % 2])) for at in (0, 1, 4)
        ]
        assert sorted(found, key=lambda each: each.key.id) == expected

    async def test_no_keys_are_issued_where_none_are_asked_for(self, storage: Storage) -> None:
        async with storage.transaction(read_only=True, single=True) as tx:
            assert await tx.api_keys.issued([]) == []

    async def test_an_api_key_is_revoked_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())
            assert await tx.api_keys.revoke("key-1", NOON + TICK)
            assert not await tx.api_keys.revoke("key-1", NOON + HOUR)
            assert await tx.api_keys.get("key-1") == an_api_key(revoked_at=NOON + TICK)

    async def test_replacing_a_key_writes_what_may_be_changed(self, storage: Storage) -> None:
        before = an_api_key(last_used=NOON, rotated_from="older")
        changes: dict[str, Any] = {
            "name": "another",
            "description": "for the robot",
            "scopes": ("a:b",),
            "permissions": (an_entry(),),
            "all_environments": None,
            "expires_at": NOON + HOUR,
            "allowed_cidrs": ("192.0.2.0/24",),
            "rate_limit": "5/second",
        }
        kept: dict[str, Any] = {
            "user_id": "other",
            "key_prefix": "ak_test_other",
            "created_at": NOON + HOUR,
            "last_used": None,
            "revoked_at": NOON,
            "rotated_from": None,
            "organization_id": "elsewhere",
        }
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.users.add(a_user("other"))
            await tx.api_keys.add(before, a_digest())

            assert await tx.api_keys.replace(an_api_key(**changes, **kept))
            assert not await tx.api_keys.replace(an_api_key("none"))

            assert await tx.api_keys.get("key-1") == replace(before, **changes)
            assert [each.digest for each in await tx.api_keys.issued(["key-1"])] == [a_digest()]
            assert await tx.api_keys.replace(before)
            assert await tx.api_keys.get("key-1") == before

    async def test_a_revoked_key_is_not_replaced(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())
            await tx.api_keys.revoke("key-1", NOON)

            assert not await tx.api_keys.replace(an_api_key(name="another"))

            assert await tx.api_keys.get("key-1") == an_api_key(revoked_at=NOON)

    async def test_uses_are_counted_by_key_and_hour(self, storage: Storage) -> None:
        first, second = HOURLY, HOURLY + HOUR
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_ in ("one", "two"):
                await tx.api_keys.add(an_api_key(id_), a_digest(id_))
            await tx.api_key_usage.add({})
            await tx.api_key_usage.add({("one", second): 2, ("one", first): 1, ("two", first): 7})
            await tx.api_key_usage.add({("one", second): 40, ("gone", first): 5})

            async def uses(key_id: str, start: datetime, end: datetime) -> list[ApiKeyUsage]:
                return list(await tx.api_key_usage.list(key_id, start, end))

            assert await uses("one", first, second + TICK) == [(first, 1), (second, 42)]
            assert await uses("one", first, second) == [(first, 1)]
            assert await uses("one", first + TICK, second + HOUR) == [(second, 42)]
            assert await uses("two", first, second + HOUR) == [(first, 7)]
            assert await uses("gone", first, second + HOUR) == []

    async def test_marks_of_a_limited_key_are_put_in_the_place_of_others(
        self, storage: Storage
    ) -> None:
        marks = [RateMark(NOON + at * TICK, at + 1) for at in range(200)]
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_ in ("key-1", "key-2"):
                await tx.api_keys.add(an_api_key(id_), a_digest(id_))
            assert list(await tx.api_key_rates.get("key-1")) == []

            assert await tx.api_key_rates.put("key-1", marks)
            assert await tx.api_key_rates.put("key-2", marks[:1])
            assert list(await tx.api_key_rates.get("key-1")) == marks

            assert await tx.api_key_rates.put("key-1", marks[150:])
            assert list(await tx.api_key_rates.get("key-1")) == marks[150:]
            assert list(await tx.api_key_rates.get("key-2")) == marks[:1]

    async def test_marks_go_with_their_key_and_none_are_put_for_one_that_is_gone(
        self, storage: Storage
    ) -> None:
        marks = [RateMark(NOON, 1)]
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())
            assert await tx.api_key_rates.put("key-1", marks)
            await tx.users.delete("user-1")

            assert list(await tx.api_key_rates.get("key-1")) == []
            assert not await tx.api_key_rates.put("key-1", marks)
            assert list(await tx.api_key_rates.get("key-1")) == []

    async def test_last_uses_move_forwards_on_live_keys_alone(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_ in ("new", "used", "revoked"):
                await tx.api_keys.add(an_api_key(id_), a_digest(id_))
            await tx.api_keys.touch({"used": NOON + HOUR})
            await tx.api_keys.revoke("revoked", NOON)

            await tx.api_keys.touch({})
            await tx.api_keys.touch(
                {"new": NOON + TICK, "used": NOON + TICK, "revoked": NOON + TICK, "none": NOON}
            )

            assert await tx.api_keys.get("new") == an_api_key("new", last_used=NOON + TICK)
            assert await tx.api_keys.get("used") == an_api_key("used", last_used=NOON + HOUR)
            assert await tx.api_keys.get("revoked") == an_api_key("revoked", revoked_at=NOON)

    async def test_signing_keys_are_listed_oldest_first(self, storage: Storage) -> None:
        newer = a_signing_key(
            "a", created_at=NOON + TICK, signs_from=NOON + 2 * TICK, retired_at=NOON + HOUR
        )
        async with storage.transaction() as tx:
            await tx.signing_keys.add(newer)
            await tx.signing_keys.add(a_signing_key("b"))
            assert list(await tx.signing_keys.list()) == [a_signing_key("b"), newer]

    async def test_a_signing_key_is_retired_sooner_and_never_later(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.signing_keys.add(a_signing_key("a"))
            await tx.signing_keys.add(a_signing_key("b", created_at=NOON + TICK))

            assert await tx.signing_keys.retire("a", NOON + HOUR)
            assert not await tx.signing_keys.retire("a", NOON + HOUR)
            assert not await tx.signing_keys.retire("a", NOON + 2 * HOUR)
            assert not await tx.signing_keys.retire("none", NOON)
            assert [key.retired_at for key in await tx.signing_keys.list()] == [NOON + HOUR, None]

            assert await tx.signing_keys.retire("a", NOON)
            assert [key.retired_at for key in await tx.signing_keys.list()] == [NOON, None]
