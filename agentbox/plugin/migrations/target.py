"""Migrate a database, given what is special about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from agentbox.plugin.migrations.folders import MigrationFolder, read_folders
from agentbox.plugin.migrations.status import Applied, require_known, schema_status

SELECT_APPLIED = "SELECT id, plugin, sha256 FROM agentbox_migrations ORDER BY position"
"""What `MigrationTarget.applied` asks: what was applied first comes first."""

BOOKKEEPING = frozenset(
    {"agentbox_migrations", "_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"}
)
"""The tables in which migrations are written down; they are about one database alone."""


class MigrationTarget(ABC):
    """A database that can be migrated. All of it is synchronous and used in one thread."""

    url: str
    """Where it is, as yoyo writes it: `sqlite:///…`, `postgresql+psycopg://…`."""

    begin: ClassVar[str] = "BEGIN"
    """The statement that begins a migration's transaction."""

    errors: ClassVar[tuple[type[Exception], ...]]
    """What the driver raises when the database refuses."""

    @abstractmethod
    def lock(self) -> AbstractContextManager[None]:
        """Be the only one that migrates; gone when the process dies. Raises `StorageError`."""

    @abstractmethod
    def applied(self) -> Sequence[Applied]:
        """The rows of `SELECT_APPLIED`; none if the database or the table is not there."""

    @abstractmethod
    def prepare(self, connection: Any) -> None:
        """Set up the DB-API connection on which the migrations run."""

    def is_busy(self, error: Exception) -> bool:
        """Whether a migration failed with `error` because others use a table at the moment, so that
        it is tried again. Never, unless a backend knows better."""
        return False

    @abstractmethod
    def verify(self, connection: Any) -> None:
        """Look at the result before each commit. Raises `SchemaError`."""


def migrate(
    target: MigrationTarget, folders: Sequence[MigrationFolder], *, down_to: str | None = None
) -> Sequence[str]:
    """What `Storage.migrate` promises."""
    here = read_folders(folders)
    if down_to is None and schema_status(here, target.applied()).current:
        return ()
    with target.lock():
        # What is to be done is worked out under the lock: another process may just have done it.
        status = schema_status(here, target.applied())
        require_known(status)
        by_id = {migration.id: migration for migration in here}
        if down_to is None:
            work = [by_id[id_] for id_ in status.pending]
        else:
            work = [by_id[id_] for id_ in status.rollback(down_to)]
        if work:
            # yoyo takes a tenth of a second to import, and most starts have nothing to apply.
            from agentbox.plugin.migrations.runner import Runner

            Runner(target, folders, here).run(work, up=down_to is None)
    return tuple(migration.id for migration in work)
