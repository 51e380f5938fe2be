"""Migrations that an older program can live with, so that replicas are upgraded one by one."""

from __future__ import annotations

import re
from typing import Final

from agentbox.errors import SchemaError

SUFFIX: Final = "-additive"
"""How the name of a migration ends that only adds. The database remembers names, so an older
program, which has no file of it, sees that too."""

_COMMENT = re.compile(r"--[^\n]*")
_ADDS = re.compile(
    r"CREATE TABLE (?:IF NOT EXISTS )?\S+ \(|CREATE INDEX\b"
    r"|ALTER TABLE \S+ ADD COLUMN (?!.*\b(UNIQUE|PRIMARY KEY)\b)",
    re.I,
)
_IN_PARENTHESES = re.compile(r"\([^()]*\)")
_MUST_BE_GIVEN = re.compile(r"ADD COLUMN (?=.*\bNOT NULL\b)(?!.*\bDEFAULT\b)", re.I)


def is_additive(migration_id: str) -> bool:
    """Whether a program that does not know this migration may run on its schema."""
    return migration_id.endswith(SUFFIX)


def require_additive(migration_id: str, sql: str) -> None:
    """Raises `SchemaError` for a statement that an older program would notice.

    What is looked at is the form: new tables, new indexes that are not unique, new columns that
    need not be given. That older programs stay right without what is in them, its author promises.
    """
    for statement in _COMMENT.sub("", sql).split(";"):
        text = " ".join(statement.split())
        if text and (not _ADDS.match(text) or _MUST_BE_GIVEN.search(text) or _does_more(text)):
            raise SchemaError(
                f"The migration {migration_id} is called additive, and does more than add what "
                f"older versions need not know: {text[:60]}"
            )


def _does_more(text: str) -> bool:
    """Whether an ALTER TABLE has a second action after the first."""
    return text.upper().startswith("ALTER") and "," in _IN_PARENTHESES.sub("", text)
