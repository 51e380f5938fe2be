"""The tables of a database as they are: what moving all that is stored to another one needs.

Values travel in one neutral form, whatever a database makes of them: text as str, numbers as int or
float, bytes as bytes, nothing as None; a time as int, microseconds since 1970 in UTC; a boolean as
0 or 1; JSON as its text. What of these a column holds, its kind says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence

from msgspec import Struct

Row = Sequence[object]

INTEGER, TEXT, BYTES, REAL = "integer", "text", "bytes", "real"
TIME, BOOLEAN, JSON, JSONB = "time", "boolean", "json", "jsonb"

WIDER = {TIME: INTEGER, BOOLEAN: INTEGER, JSON: TEXT, JSONB: TEXT}
"""Kinds that a database without them keeps as another one. `jsonb` does not keep its text."""


FIRST_BATCH, LARGEST_BATCH = 100, 5000
BATCH_BYTES = 4 * 1024 * 1024
"""What the texts and bytes of the rows that are read at a time should come to."""


def next_batch(rows: Sequence[Row]) -> int:
    """How many rows to read after `rows`, so that wide ones don't fill the memory.

    Judged by every sixteenth of them, and at most four times as many as they are.
    """
    sample = rows[::16]
    length = sum(len(value) for row in sample for value in row if isinstance(value, str | bytes))
    fitting = BATCH_BYTES * len(sample) // max(length, 1)
    return max(1, min(fitting, 4 * len(rows), LARGEST_BATCH))


class Column(Struct, frozen=True):
    """A column and its kind: one of the constants here, or a name that the database has for it,
    which only goes into a column of the same."""

    name: str
    kind: str


class TableShape(Struct, frozen=True, kw_only=True):
    """A table: its columns without those that are generated, the names of those of its primary key
    in order (none if it has no key), and the tables that its foreign keys refer to.

    `transient` is a table whose rows need not outlive a restart, and are not moved.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: frozenset[str] = frozenset()
    transient: bool = False


class Tables(ABC):
    """All tables but those in which migrations are written down, in one consistent state.

    Values of each row come in the order of the columns that were asked for.
    """

    shapes: Mapping[str, TableShape]
    """By name."""

    @abstractmethod
    def rows(self, table: str, columns: Sequence[str]) -> AsyncGenerator[Sequence[Row], None]:
        """All rows, some at a time, in the order of the key.

        That order is the same in every database: one column of the key after the other, numbers by
        their value, text and bytes by their bytes (text in UTF-8). Raises `StorageError`.
        """

    @abstractmethod
    async def count(self, table: str) -> int:
        """How many rows there are."""

    @abstractmethod
    async def find(self, table: str, columns: Sequence[str], key: Row) -> Row | None:
        """The row with that key."""

    @abstractmethod
    async def last(self, table: str, columns: Sequence[str]) -> Row | None:
        """The last row in the order of the key."""

    @abstractmethod
    async def position(self, table: str) -> int:
        """The last number that the table has given to a row by itself; 0 if it gives none."""


class WritableTables(Tables):
    """Tables that can be written, in one transaction.

    `rows` gives what was there when the transaction began, or what is there by now, as the backend
    likes. Foreign keys hold after each call. A `StorageError` for a value that does not fit names
    table and column.
    """

    @abstractmethod
    async def put(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], *, fresh: bool
    ) -> None:
        """Write rows, over those with the same key; `fresh` says that there are none.

        Raises `Conflict` if another column that is unique has the value in another row.
        """

    @abstractmethod
    async def remove(self, table: str, keys: Sequence[Row]) -> None:
        """Delete the rows with these keys."""

    @abstractmethod
    async def clear(self, table: str) -> None:
        """Delete all rows."""

    @abstractmethod
    async def advance(self, table: str, position: int) -> None:
        """Give no number up to `position`, nor any that a row has, if the table gives numbers."""
