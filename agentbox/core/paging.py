"""Pages of lists, and the sealed cursors that lead from one to the next."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from agentbox.errors import FieldFault, InvalidCursor, StartError, ValidationFailed
from agentbox.plugin.services import Sealer
from agentbox.plugin.storage import Page

T = TypeVar("T")

Position = tuple[datetime, str]
"""Where a row stands in a list: its time and its id."""


class Asked(Struct, frozen=True):
    """The page that a caller wants: by offset, or on from a cursor."""

    limit: int
    offset: int = 0
    cursor: str | None = None


class Found(NamedTuple, Generic[T]):
    """One page, how many rows there are in all, and the cursor of the next page if there is one."""

    rows: Sequence[T]
    total: int
    next_cursor: str | None


class Pages:
    """Opens and makes the cursors of one list.

    A cursor is good for the list and the filters that it was given out for, and for nothing else;
    it says nothing to whoever holds it.
    """

    def __init__(self, sealer: Sealer, name: str) -> None:
        self._sealer = sealer
        self._name = name

    def page(self, asked: Asked, filters: object) -> Page:
        """The rows to read: one more than asked, which tells whether there is a next page.

        Raises `InvalidCursor`, and `ValidationFailed` for a cursor with an offset.
        """
        if asked.cursor is None:
            return Page(asked.limit + 1, asked.offset)
        if asked.offset:
            raise ValidationFailed(errors=[FieldFault("/offset", "can't be given with cursor")])
        return Page(asked.limit + 1, after=self._open(asked.cursor, filters))

    def found(
        self,
        asked: Asked,
        filters: object,
        rows: Sequence[T],
        total: int,
        position: Callable[[T], Position],
    ) -> Found[T]:
        """The page of what was read."""
        shown = rows[: asked.limit]
        more = len(rows) > asked.limit
        return Found(shown, total, self._make(position(shown[-1]), filters) if more else None)

    def _open(self, cursor: str, filters: object) -> Position:
        try:
            sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            if _text(sealed) != cursor:
                raise InvalidCursor
            opened = self._sealer.open(sealed, place=self._place(filters))
            position: Position = msgspec.json.decode(opened, type=tuple[datetime, str])
        except (binascii.Error, ValueError, StartError):
            raise InvalidCursor from None
        return position

    def _make(self, position: Position, filters: object) -> str:
        return _text(self._sealer.seal(msgspec.json.encode(position), place=self._place(filters)))

    def _place(self, filters: object) -> str:
        digest = hashlib.sha256(msgspec.json.encode(filters)).hexdigest()
        return f"cursor:{self._name}:{digest}"


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
