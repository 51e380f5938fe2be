"""SQLite: the storage that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import MigrationFolder, StorageType

AGENTBOX_API = 1


@hookimpl
def agentbox_storage_types() -> Sequence[StorageType]:
    """The one storage type, `sqlite`."""
    from agentbox_sqlite.storage import SQLITE_TYPE

    return [SQLITE_TYPE]


@hookimpl
def agentbox_migration_folders(backend: str) -> Sequence[MigrationFolder]:
    """The server's own tables."""
    from agentbox_sqlite.schema import own_folders

    return own_folders() if backend == "sqlite" else []
