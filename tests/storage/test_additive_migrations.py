"""What a migration may do that says that older versions can live with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentbox.errors import SchemaError
from agentbox.plugin.migrations import MigrationFolder, read_folders

ADDITIVE = [
    "CREATE TABLE notes (id text NOT NULL PRIMARY KEY);",
    "CREATE INDEX notes_by_id ON notes (id);",
    "ALTER TABLE users ADD COLUMN share numeric(9, 2);",
    "ALTER TABLE users ADD COLUMN note text;",
    "ALTER TABLE users\n    ADD COLUMN noted boolean NOT NULL DEFAULT false;\n",
    "-- why; and what for\nCREATE TABLE IF NOT EXISTS n (id text);\nCREATE INDEX i ON n (id);",
]
NOT_ADDITIVE = [
    "DROP TABLE notes;",
    "ALTER TABLE users DROP COLUMN note;",
    "ALTER TABLE users ADD COLUMN note text NOT NULL;",
    "ALTER TABLE users ADD COLUMN note text UNIQUE;",
    "ALTER TABLE users RENAME COLUMN email TO mail;",
    "ALTER TABLE users ADD CONSTRAINT short CHECK (length(email) < 9);",
    "CREATE UNIQUE INDEX notes_by_id ON notes (id);",
    "CREATE TRIGGER t BEFORE INSERT ON users BEGIN SELECT 1; END;",
    "UPDATE users SET email = NULL;",
    "CREATE TABLE notes (id text);\nDELETE FROM users;",
    "CREATE TABLE notes AS SELECT * FROM users;",
    "ALTER TABLE users ADD COLUMN note text, DROP COLUMN email;",
    "ALTER TABLE users ADD COLUMN a text NOT NULL, ADD COLUMN b text DEFAULT '';",
]


def read(folder: Path, sql: str, name: str) -> list[str]:
    (folder / f"{name}.sql").write_text(sql)
    (folder / f"{name}.rollback.sql").write_text("DROP TABLE notes;")
    return [each.id for each in read_folders([MigrationFolder(plugin="notes", path=folder)])]


# ST-06
@pytest.mark.parametrize("sql", ADDITIVE)
def test_what_only_adds_is_additive(tmp_path: Path, sql: str) -> None:
    assert read(tmp_path, sql, "notes-0001-a-additive") == ["notes-0001-a-additive"]


# ST-06
@pytest.mark.parametrize("sql", NOT_ADDITIVE)
def test_what_does_more_is_not_additive(tmp_path: Path, sql: str) -> None:
    with pytest.raises(SchemaError, match="notes-0001-a-additive"):
        read(tmp_path, sql, "notes-0001-a-additive")


@pytest.mark.parametrize("sql", NOT_ADDITIVE)
def test_others_may_do_what_they_want(tmp_path: Path, sql: str) -> None:
    assert read(tmp_path, sql, "notes-0001-a") == ["notes-0001-a"]
