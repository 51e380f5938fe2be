"""Postgres: the storage that several replicas share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import MigrationFolder, StorageType

AGENTBOX_API = 1


@hookimpl
def agentbox_storage_types() -> Sequence[StorageType]:
    """The one storage type, `postgres`."""
    from agentbox_postgres.descriptor import POSTGRES_TYPE

    return [POSTGRES_TYPE]


@hookimpl
def agentbox_migration_folders(backend: str) -> Sequence[MigrationFolder]:
    """The server's own tables."""
    from agentbox_postgres.descriptor import own_folders

    return own_folders() if backend == "postgres" else []
