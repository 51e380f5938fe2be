"""Which rows of a list."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Page(Struct, frozen=True):
    """Which rows of a list, newest first by (created_at, id).

    `after` leaves out all rows up to and including that (created_at, id), which need not be there
    any more; `offset` counts what is left.
    """

    limit: int
    offset: int = 0
    after: tuple[datetime, str] | None = None
