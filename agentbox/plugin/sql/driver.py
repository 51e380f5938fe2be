"""What a SQL backend brings: a way to run a statement, and how it writes times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from agentbox.errors import Conflict, StorageError

Value = str | int | float | bool | bytes | datetime | None
"""What a statement may be given. A driver takes each of these as it is."""

Row = Sequence[Any]

T = TypeVar("T")


PURGED_AT_ONCE = 500
"""Rows that one statement deletes because they are over: some milliseconds."""


class Connection(Protocol):
    """One transaction's connection. Only errors of `agentbox.errors` leave it.

    Statements have `$1` placeholders. Unique violations are raised as `unique_violation` gives
    them, everything else as `StorageError`.
    """

    async def fetch(self, sql: str, *values: Value) -> Sequence[Row]:
        """Run a statement; the rows that it returns."""

    async def run_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement that returns nothing once for each of `rows`."""

    async def lock(self, name: str) -> None:
        """Be alone with `name` until the end of the transaction."""

    def instant(self, value: Any) -> datetime:
        """A time as the database gave it, as aware UTC."""


TAKEN: Mapping[str, str] = {
    "users.username_key": "The username is taken.",
    "users.email": "The e-mail address is taken.",
    "api_keys.rotated_from": "The key has been rotated already.",
    "identities.subject": "This sign-in is linked to a user already.",
    "grants.environment_id": "The user has a permission on the environment already.",
}


def unique_violation(column: str) -> Conflict:
    """The problem for a value of `<table>.<column>` that is there already.

    Of several columns that are unique together, named with commas between, the last one decides.
    """
    return Conflict(TAKEN.get(column.rpartition(", ")[2], "This is there already."))


def optional_instant(db: Connection, value: Any) -> datetime | None:
    """A time that may be absent."""
    return None if value is None else db.instant(value)


def to_json(value: object) -> str:
    """A value of the model as JSON text, which every database takes for a JSON column."""
    return msgspec.json.encode(value).decode()


def from_json(text: str, kind: type[T]) -> T:
    """What `to_json` wrote. Raises `StorageError` if it is something else."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise StorageError(f"a JSON column holds something else: {error}") from error
