"""What a copy or a comparison found, table by table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct


class Contents(Struct, frozen=True):
    """All rows of a table: how many, and SHA-256 (hex) over their neutral form in key order.

    It is the same in every database that holds the same rows.
    """

    rows: int
    digest: str


class TableReport(Struct, frozen=True, kw_only=True):
    """One table on both sides, and how many rows were written and deleted to make them alike."""

    name: str
    source: Contents
    target: Contents
    written: int = 0
    deleted: int = 0

    @property
    def alike(self) -> bool:
        """True if both sides hold the same."""
        return self.source == self.target


class Report(Struct, frozen=True):
    """All tables that are copied."""

    tables: Sequence[TableReport]

    @property
    def alike(self) -> bool:
        """True if every table is the same on both sides."""
        return all(table.alike for table in self.tables)


class Digest:
    """Contents that come row by row."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._encode = msgspec.msgpack.Encoder().encode
        self._rows = 0

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """The next rows. MessagePack says where each value and each row ends."""
        self._hash.update(b"".join(map(self._encode, rows)))
        self._rows += len(rows)

    @property
    def contents(self) -> Contents:
        """Of what has been added."""
        return Contents(self._rows, self._hash.hexdigest())
