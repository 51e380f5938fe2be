"""The trail of changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct


class AuditEvent(Struct, frozen=True, kw_only=True):
    """One row: who did what to whom, when, from where, and with what result.

    `actor` and `target` are `<kind>:<id>` (`user:…`, `api_key:…`, `session:…`), or `operator` or
    `system`. `event` is `<thing>.<verb>`. `details` hold ids and names of fields, never secrets.
    """

    id: str
    time: datetime
    event: str
    actor: str
    target: str | None
    result: str = "ok"
    address: str | None = None
    request_id: str | None = None
    details: Mapping[str, str | int | bool | None] = {}
    organization_id: str = "default"
