"""The trail of changes and refusals, and the seals on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

from msgspec import Struct

OK: Final = "ok"
DENIED: Final = "denied"


class AuditEvent(Struct, frozen=True, kw_only=True):
    """One row: who did what to whom, when, from where, and with what result.

    `actor` and `target` are `<kind>:<id>` (`user:…`, `api_key:…`, `session:…`), or `operator`,
    `system` or `anonymous`. `event` is `<thing>.<verb>`. `details` hold ids and names of fields,
    never secrets.
    """

    id: str
    time: datetime
    event: str
    actor: str
    target: str | None
    result: str = OK
    address: str | None = None
    request_id: str | None = None
    details: Mapping[str, str | int | bool | None] = {}
    organization_id: str = "default"


class AuditRow(NamedTuple):
    """A row under its number in the trail; `event` is None if what is there can't be read."""

    seq: int
    event: AuditEvent | None


class AuditSeal(NamedTuple):
    """What vouches for a row and all before it."""

    seq: int
    mac: bytes


class AuditPoint(Struct, frozen=True):
    """An end of the sealed trail: the `head` is its last row, the `anchor` the last one cut off.

    `tag` vouches for the point itself: without the root secret nobody moves it.
    """

    name: Literal["anchor", "head"]
    seq: int
    mac: bytes
    tag: bytes


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Which rows of the trail: all that is given must be so; from `start` on, before `end`."""

    actor: str | None = None
    target: str | None = None
    event: str | None = None
    result: str | None = None
    start: datetime | None = None
    end: datetime | None = None
