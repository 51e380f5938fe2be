"""Many API keys in a Postgres database, by COPY."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from agentbox.model.formats.api_key import KeyFormat

PREFIX = "ak_live_"
MADE = datetime(2026, 1, 1, tzinfo=UTC)
KEYS_OF_ONE = 10
"""Keys of each user."""

LUA = """
local keys, at = {}, 0
for line in io.lines("KEYS") do keys[#keys + 1] = line end
request = function()
  at = at % #keys + 1
  return wrk.format("GET", nil, {["X-API-Key"] = keys[at]})
end
"""
"""Asks with one key after the other, for wrk; `KEYS` is a file of them."""

USER_COLUMNS = (
    "id",
    "username",
    "username_key",
    "email_verified",
    "role",
    "status",
    "password_change_required",
    "created_at",
    "updated_at",
)
KEY_COLUMNS = ("id", "user_id", "key_prefix", "digest", "scopes", "created_at")


class Key(NamedTuple):
    """A key's id and text."""

    id: str
    text: str


async def copy_keys(connection: Any, begin: int, end: int) -> Sequence[Key]:
    """Add so many keys and their users over asyncpg's `connection`."""
    keys: list[Key] = []
    users = range(begin // KEYS_OF_ONE, (end - 1) // KEYS_OF_ONE + 1)
    await connection.copy_records_to_table("users", records=map(_user, users), columns=USER_COLUMNS)
    await connection.copy_records_to_table(
        "api_keys", records=_keys(begin, end, keys), columns=KEY_COLUMNS
    )
    await connection.execute("VACUUM ANALYZE users, api_keys")
    return keys


def _user(number: int) -> tuple[Any, ...]:
    name = f"user-{number}"
    return (f"u{number:019}", name, name, False, "user", "active", False, MADE, MADE)


def _keys(begin: int, end: int, keys: list[Key]) -> Iterator[tuple[Any, ...]]:
    form = KeyFormat(PREFIX)
    for number in range(begin, end):
        new = form.generate()
        keys.append(Key(new.id, new.text.reveal()))
        user = f"u{number // KEYS_OF_ONE:019}"
        yield (new.id, user, new.shown, new.digest, '["environments:read"]', MADE)
