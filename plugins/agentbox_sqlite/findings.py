"""What `agentbox doctor` tells of a SQLite database: its version, and who may read its files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from agentbox.plugin.findings import Finding, private_file, unreplaceable

WAL_RESET_FIXED = (3, 51, 3)


def findings(path: Path) -> Sequence[Finding]:
    """Of the library and of the files that are there."""
    return [_version(sqlite3.sqlite_version_info), *_files(path)]


def _version(there: tuple[int, ...]) -> Finding:
    text = ".".join(map(str, there))
    if there >= WAL_RESET_FIXED:
        return Finding(about="versions.sqlite", verdict="ok", detail=f"SQLite {text}")
    return Finding(
        about="versions.sqlite",
        verdict="warning",
        detail=f"SQLite {text} can lose data when two connections checkpoint at once; agentbox "
        "lets only one do so, and other programs must not write to the database.",
        remedy="Use a Python with SQLite 3.51.3 or later.",
    )


def _files(path: Path) -> Iterator[Finding]:
    try:
        if not path.exists():
            return
        yield unreplaceable("files.folder", path.parent)
        for ending in ("", "-wal", "-shm", ".lock"):
            file = path.with_name(path.name + ending)
            if file.exists():
                yield private_file("files.database", file)
    except OSError as error:
        yield Finding(
            about="files.database",
            verdict="problem",
            detail=f"{path} can't be looked at: {error.strerror}.",
            remedy="Run this as the user that the server runs as.",
        )
