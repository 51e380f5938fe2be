"""The files of migrations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from msgspec import Struct

from agentbox.errors import SchemaError
from agentbox.plugin.migrations.additive import is_additive, require_additive

ROLLBACK_SUFFIX = ".rollback.sql"


class MigrationFolder(Struct, frozen=True, kw_only=True):
    """A folder of `<stem>.sql` and `<stem>.rollback.sql` files of one plugin for one backend.

    Stems carry the distribution (`agentbox-sqlite-0001-initial`), because they are compared
    across all plugins of a database. One that ends in `-additive` says that a version before it may
    run on its schema: it only adds tables, indexes, and columns that need not be given.

    `retention` says of tables that these migrations make how long their rows are kept, by the name
    of the column that says since when: `{"visits": ("seen_at", timedelta(days=30))}`. Older ones
    are deleted within an hour or so, some at a time. The column is a time (Postgres: timestamptz;
    SQLite: an integer, microseconds since 1970) and has an index.
    """

    plugin: str
    path: Path
    retention: Mapping[str, tuple[str, timedelta]] = {}


class Migration(Struct, frozen=True, kw_only=True):
    """One migration as it lies in its folder; `sha256` is of both its files, in hex."""

    id: str
    plugin: str
    path: Path
    sha256: str


def read_folders(folders: Sequence[MigrationFolder]) -> Sequence[Migration]:
    """All migrations: folders in the order given, each in the order of its file names.

    Raises `SchemaError` for a folder that is missing or empty, a migration without its way back,
    an id that two folders use, and an additive one that does more than add.
    """
    found: dict[str, Migration] = {}
    for folder in folders:
        for migration in _read_folder(folder):
            other = found.setdefault(migration.id, migration)
            if other is not migration:
                raise SchemaError(
                    f"The migration {migration.id} is brought by the plugins {other.plugin} and "
                    f"{migration.plugin}; the names of migration files start with the distribution."
                )
    return tuple(found.values())


def _read_folder(folder: MigrationFolder) -> Sequence[Migration]:
    if not folder.path.is_dir():
        raise SchemaError(f"The plugin {folder.plugin} names {folder.path}, which is no folder.")
    files = sorted(p for p in folder.path.glob("*.sql") if not p.name.endswith(ROLLBACK_SUFFIX))
    if not files:
        raise SchemaError(f"The plugin {folder.plugin} names {folder.path}, which has no *.sql.")
    return [_read_file(folder.plugin, path) for path in files]


def _read_file(plugin: str, path: Path) -> Migration:
    back = path.with_name(path.stem + ROLLBACK_SUFFIX)
    if not back.is_file():
        raise SchemaError(f"The migration {path.stem} of {plugin} has no {back.name} beside it.")
    if is_additive(path.stem):
        require_additive(path.stem, path.read_text("utf-8"))
    # Each file is hashed by itself first, so that no byte can move from one to the other unseen.
    both = hashlib.sha256(path.read_bytes()).digest() + hashlib.sha256(back.read_bytes()).digest()
    return Migration(
        id=path.stem, plugin=plugin, path=path, sha256=hashlib.sha256(both).hexdigest()
    )
