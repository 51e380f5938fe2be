"""Faults around API keys, their uses, and reset secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from agentbox.testing.storage import CrudTests, PurgeTests, RaceTests, UniquenessTests
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.spoilt import NoForeignKeys, Spoilt


class ForgetsAddresses(Spoilt):
    """Adds a key without the networks it may come from."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_keys.add

        async def add(key: Any, digest: bytes) -> None:
            await right(msgspec.structs.replace(key, allowed_cidrs=()), digest)

        tx.api_keys.add = add


class MixesUpOwners(Spoilt):
    """Gives keys that are asked for together the owner of one of them."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_keys.issued

        async def issued(key_ids: Any) -> Any:
            found = await right(key_ids)
            return [each._replace(owner=found[0].owner) for each in found]

        tx.api_keys.issued = issued


class ResurrectsKeys(Spoilt):
    """Replaces a key whether it is revoked or not, and makes it live again."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_keys.replace

        async def replace(key: Any) -> Any:
            await tx._db.fetch("UPDATE api_keys SET revoked_at = NULL WHERE id = $1", key.id)
            return await right(key)

        tx.api_keys.replace = replace


class ResurrectsKeysInRaces(ResurrectsKeys):
    """The same, seen where many change a key at once."""


class ReplacesToo(Spoilt):
    """Writes more of a key than may be changed."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_keys.replace

        async def replace(key: Any) -> Any:
            sql = "UPDATE api_keys SET rotated_from = $2 WHERE id = $1"
            await tx._db.fetch(sql, key.id, key.rotated_from)
            return await right(key)

        tx.api_keys.replace = replace


class RotatesTwice(Spoilt):
    """Lets one key take another's place as often as is asked."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_keys.add

        async def add(key: Any, digest: bytes) -> None:
            await right(msgspec.structs.replace(key, rotated_from=None), digest)

        tx.api_keys.add = add


class RotatesTwiceInRaces(RotatesTwice):
    """The same, seen where many rotate a key at once."""


class ProlongsSigningKeys(Spoilt):
    """Lets a signing key verify again that was to stop."""

    def spoil(self, tx: Any) -> None:
        async def retire(key_id: str, at: datetime) -> bool:
            sql = "UPDATE signing_keys SET retired_at = $2 WHERE id = $1 RETURNING id"
            return bool(await tx._db.fetch(sql, key_id, at))

        tx.signing_keys.retire = retire


class ProlongsSigningKeysInRaces(ProlongsSigningKeys):
    """The same, seen where many retire one at once."""


class CountsLastUses(Spoilt):
    """Writes a count over the one that is there."""

    def spoil(self, tx: Any) -> None:
        async def add(uses: Mapping[tuple[str, datetime], int]) -> None:
            await tx._db.run_many(
                "INSERT INTO api_key_usage (api_key_id, hour, uses) VALUES ($1, $2, $3)"
                " ON CONFLICT (api_key_id, hour) DO UPDATE SET uses = excluded.uses",
                [(*key, count) for key, count in uses.items() if key[0] != "gone"],
            )

        tx.api_key_usage.add = add


class CountsForTheGone(NoForeignKeys):
    """Counts uses of keys that are not there."""

    def spoil(self, tx: Any) -> None:
        async def add(uses: Mapping[tuple[str, datetime], int]) -> None:
            await tx._db.run_many(
                "INSERT INTO api_key_usage (api_key_id, hour, uses) VALUES ($1, $2, $3)"
                " ON CONFLICT (api_key_id, hour) DO UPDATE SET uses = uses + excluded.uses",
                [(*key, count) for key, count in uses.items()],
            )

        tx.api_key_usage.add = add


class TakesResetsTwice(Spoilt):
    """Looks whether a reset secret is right and leaves it there."""

    def spoil(self, tx: Any) -> None:
        async def take(user_id: str, digest: bytes, now: datetime) -> bool:
            reset = await tx.password_resets.get(user_id)
            return bool(reset and reset.digest == digest and now < reset.expires_at)

        tx.password_resets.take = take


class TakesAnyReset(Spoilt):
    """Takes every secret for the right one."""

    def spoil(self, tx: Any) -> None:
        async def take(user_id: str, digest: bytes, now: datetime) -> bool:
            return bool(await tx.password_resets.delete(user_id))

        tx.password_resets.take = take


class PurgesLiveResets(Spoilt):
    """Takes reset secrets that expire just now."""

    def spoil(self, tx: Any) -> None:
        right = tx.password_resets.purge

        async def purge(before: datetime) -> int:
            return int(await right(before + timedelta(microseconds=1)))

        tx.password_resets.purge = purge


class PurgesThisHour(Spoilt):
    """Takes the counts of the hour that is to stay."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_key_usage.purge

        async def purge(before: datetime) -> int:
            return int(await right(before + timedelta(hours=1)))

        tx.api_key_usage.purge = purge


class PurgesKeysThatVerify(Spoilt):
    """Takes signing keys that have an end, though it has not come."""

    def spoil(self, tx: Any) -> None:
        right = tx.signing_keys.purge

        async def purge(before: datetime) -> int:
            return int(await right(before + timedelta(days=1)))

        tx.signing_keys.purge = purge


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    PurgesKeysThatVerify: (PurgeTests, "test_signing_keys_go_once_they_verify_nothing"),
    ForgetsAddresses: (CrudTests, "test_an_api_key_comes_back_with_every_field"),
    MixesUpOwners: (CrudTests, "test_issued_keys_come_with_their_own_owners_and_digests"),
    ResurrectsKeys: (CrudTests, "test_a_revoked_key_is_not_replaced"),
    ResurrectsKeysInRaces: (RaceTests, "test_a_revoked_key_stays_revoked_beside_its_changes"),
    ReplacesToo: (CrudTests, "test_replacing_a_key_writes_what_may_be_changed"),
    RotatesTwice: (UniquenessTests, "test_a_key_is_rotated_once"),
    ProlongsSigningKeys: (
        CrudTests,
        "test_a_signing_key_is_retired_sooner_and_never_later",
    ),
    ProlongsSigningKeysInRaces: (
        RaceTests,
        "test_a_signing_key_retired_by_many_ends_when_the_first_says",
    ),
    RotatesTwiceInRaces: (RaceTests, "test_one_of_many_rotates_a_key"),
    CountsLastUses: (RaceTests, "test_uses_that_are_counted_at_once_add_up"),
    CountsForTheGone: (CrudTests, "test_uses_are_counted_by_key_and_hour"),
    TakesResetsTwice: (RaceTests, "test_one_of_many_takes_a_reset_secret"),
    TakesAnyReset: (CrudTests, "test_a_reset_secret_is_taken_once_and_in_time"),
    PurgesLiveResets: (PurgeTests, "test_reset_secrets_go_once_they_have_expired"),
    PurgesThisHour: (PurgeTests, "test_uses_go_hour_by_hour"),
}
