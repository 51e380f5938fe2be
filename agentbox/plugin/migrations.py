"""Migrations; the only home of yoyo (see the runner below)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct


class MigrationFolder(Struct, frozen=True, kw_only=True):
    """A folder of `<stem>.sql` and `<stem>.rollback.sql` files of one plugin for one backend.

    Stems carry the distribution (`agentbox-sqlite-0001-initial`), because they are compared
    across all plugins of a database.
    """

    plugin: str
    path: Path


class SchemaStatus(Struct, frozen=True, kw_only=True):
    """Ids of migrations: applied; pending here; ahead of this program; applied and edited since
    (drift); pending although a later one of the same folder is applied (out of order)."""

    applied: Sequence[str]
    pending: Sequence[str]
    ahead: Sequence[str]
    drifted: Sequence[str]
    out_of_order: Sequence[str]

    @property
    def current(self) -> bool:
        """True if the database is exactly at this program's schema."""
        return not (self.pending or self.ahead or self.drifted or self.out_of_order)
