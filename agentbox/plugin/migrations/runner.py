"""The runner: yoyo reads the files and runs their statements, the rest is ours.

What we don't leave to yoyo 9, and why:

- Its hash is of the file's *name*; `agentbox_migrations` has one of the content.
- It runs a migration on one connection and marks it on another, so that a crash between the two
  leaves it applied and unmarked. Here steps, yoyo's mark and our row are one transaction.
- Its lock is a row with a process id that a crash leaves for good; the target has its own.
- It takes a missing folder for an empty one, and passes over a migration that it can't load.
- Its log wants the user's name, which fails for a uid without a passwd entry, and the host's full
  name, which asks the network.
"""

from __future__ import annotations

import glob
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from yoyo import exceptions, read_migrations
from yoyo.backends.base import get_backend_class
from yoyo.connections import parse_uri
from yoyo.migrations import default_migration_table

from agentbox.errors import SchemaError
from agentbox.plugin.migrations.folders import Migration, MigrationFolder
from agentbox.plugin.migrations.target import MigrationTarget

CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS agentbox_migrations (
    id text NOT NULL PRIMARY KEY,
    plugin text NOT NULL,
    sha256 text NOT NULL,
    position integer NOT NULL UNIQUE,
    applied_at text NOT NULL
)
"""
# Rolling back goes by the position: times may be equal, and the order of plugins may change.
INSERT_ROW = """
INSERT INTO agentbox_migrations (id, plugin, sha256, position, applied_at)
SELECT :id, :plugin, :sha256, COALESCE(MAX(position), 0) + 1, CAST(CURRENT_TIMESTAMP AS text)
FROM agentbox_migrations
"""
DELETE_ROW = "DELETE FROM agentbox_migrations WHERE id = :id"


BUSY_FOR = 60.0
"""Seconds for which a migration is tried that others are in the way of."""

TRY_AGAIN_AFTER = 0.5


class Runner:
    """Applies migrations to one target, or rolls them back, each in one transaction."""

    def __init__(
        self,
        target: MigrationTarget,
        folders: Sequence[MigrationFolder],
        here: Sequence[Migration],
    ) -> None:
        self._target = target
        self._loaded = _load(folders, here)

    def run(self, work: Sequence[Migration], *, up: bool) -> None:
        """Raises `SchemaError` naming the migration that failed; those before it stay."""
        current = "agentbox_migrations"
        try:
            with _connected(self._target) as backend:
                for migration in work:
                    current = migration.id
                    self._run_patiently(backend, migration, up)
                self._require_done(backend, work, up)
        except self._target.errors as error:
            raise SchemaError(f"The migration {current} failed: {error}") from error

    def _run_patiently(self, backend: Any, migration: Migration, up: bool) -> None:
        """Those who wait for a table hold up everybody behind them, so none waits for long."""
        deadline = time.monotonic() + BUSY_FOR
        while True:
            try:
                return self._run_one(backend, migration, up)
            except self._target.errors as error:
                if not self._target.is_busy(error) or time.monotonic() > deadline:
                    raise
            time.sleep(TRY_AGAIN_AFTER)

    def _run_one(self, backend: Any, migration: Migration, up: bool) -> None:
        loaded = self._loaded[migration.id]
        operation = "apply" if up else "rollback"
        with backend.transaction():
            loaded.process_steps(backend, operation)
            backend.log_migration(loaded, operation)
            if up:
                backend.mark_one(loaded, log=False)
                backend.execute(INSERT_ROW, _row(migration))
            else:
                backend.unmark_one(loaded, log=False)
                backend.execute(DELETE_ROW, {"id": migration.id})
            self._target.verify(backend.connection)

    def _require_done(self, backend: Any, work: Sequence[Migration], up: bool) -> None:
        """yoyo's book and ours must both say that all of `work` was done."""
        ours = {row.id for row in self._target.applied()}
        theirs = set(backend.get_applied_migration_hashes())
        for migration in work:
            marked = self._loaded[migration.id].hash in theirs
            if (migration.id in ours) is not up or marked is not up:
                raise SchemaError(f"The migration {migration.id} ran and left no trace.")


def _load(folders: Sequence[MigrationFolder], here: Sequence[Migration]) -> dict[str, Any]:
    """yoyo's own objects by id; exactly those that we found ourselves."""
    # yoyo takes a source for a glob pattern, so a bracket in a path has to be quoted.
    loaded = {m.id: m for m in read_migrations(*(_escaped(folder) for folder in folders))}
    if set(loaded) != {migration.id for migration in here}:
        raise SchemaError(f"Read {len(loaded)} migrations where there are {len(here)}.")
    for id_, migration in loaded.items():
        try:
            migration.load()
        except exceptions.BadMigration as error:
            raise SchemaError(f"The migration {id_} can't be read: {error}") from error
        if not migration.use_transactions:
            raise SchemaError(f"The migration {id_} asks for no transaction; it can't have that.")
    return loaded


def _escaped(folder: MigrationFolder) -> str:
    return glob.escape(str(folder.path))


def _row(migration: Migration) -> dict[str, str]:
    return {
        "id": migration.id,
        "plugin": migration.plugin,
        "sha256": migration.sha256,
    }


@contextmanager
def _connected(target: MigrationTarget) -> Iterator[Any]:
    uri = parse_uri(target.url)
    kind = _backend_class(get_backend_class(uri.scheme), target)
    with kind(uri, default_migration_table) as backend:
        backend.init_database()
        backend.ensure_internal_schema_updated()
        with backend.transaction():
            backend.execute(CREATE_TABLE)
        yield backend


def _backend_class(parent: Any, target: MigrationTarget) -> Any:
    class Backend(parent):  # type: ignore[misc]
        """yoyo's backend with the target's set-up, and without yoyo's lock."""

        def init_connection(self, connection: Any) -> None:
            super().init_connection(connection)
            target.prepare(connection)

        def begin(self) -> None:
            self._in_transaction = True
            self.execute(target.begin)

        @contextmanager
        def lock(self, timeout: float = 0) -> Iterator[None]:
            yield

        def create_lock_table(self) -> None:
            """We have no use for it."""

        def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
            return {
                "id": str(uuid.uuid4()),
                "migration_id": migration.id if migration else None,
                "migration_hash": migration.hash if migration else None,
                "username": "agentbox",
                "hostname": "",
                "created_at_utc": None,
                "operation": operation,
            }

    return Backend
