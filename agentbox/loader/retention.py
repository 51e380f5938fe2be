"""What is wrong with how long rows of a plugin's tables are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from agentbox.loader.isolation import shown
from agentbox.plugin import MigrationFolder
from agentbox.plugin.migrations.folders import ROLLBACK_SUFFIX

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def retention_faults(folder: MigrationFolder) -> Iterator[str]:
    """Sentences; none for a folder whose migrations make every table that it has rows deleted of.

    So no plugin can have rows deleted of a table that is not its own.
    """
    retention: object = folder.retention
    if not isinstance(retention, Mapping):
        yield (
            f"a MigrationFolder has retention={shown(retention)}. Give a mapping: "
            "the name of a table to the name of a column and a timedelta."
        )
        return
    text = _sql(folder)
    for table, kept in retention.items():
        if (fault := _fault(table, kept, text)) is not None:
            yield f"the retention of the table {shown(table)} {fault}"


def _fault(table: object, kept: object, text: str) -> str | None:
    if not isinstance(kept, tuple) or len(kept) != 2:
        return f"is {shown(kept)}. Give the name of a column and a timedelta."
    column, span = kept
    if not _is_name(table) or not _is_name(column):
        return "names no plain table and column. Use lower-case letters, digits and `_`."
    if not isinstance(span, timedelta) or span <= timedelta(0):
        return f"is {shown(span)}. Give a positive timedelta."
    made = rf'(?:CREATE TABLE(?: IF NOT EXISTS)?|RENAME TO) "?{table}"?\b'
    if re.search(made, text, re.IGNORECASE) is None:
        return "is about a table that its migrations don't make. Name your own tables alone."
    if re.search(rf"\b{column}\b", text) is None:
        return f"is about a column {shown(column)} that its migrations don't mention."
    return None


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _sql(folder: MigrationFolder) -> str:
    files = sorted(folder.path.glob("*.sql"))
    forward = [path for path in files if not path.name.endswith(ROLLBACK_SUFFIX)]
    text = "\n".join(path.read_text("utf-8", errors="replace") for path in forward)
    return " ".join(re.sub(r"--[^\n]*", "", text).split())
