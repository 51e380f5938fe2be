"""Migrations are read once a process: taking them apart takes longer than carrying them out.

Imported for its effect, by the tests and by whatever they have pytest run.
"""

from __future__ import annotations

from functools import cache

import sqlparse

_split = cache(sqlparse.split)


def split(sql: str, encoding: str | None = None, strip_semicolon: bool = False) -> list[str]:
    """As `sqlparse.split`, a list of one's own each time."""
    return list(_split(sql, encoding, strip_semicolon))


sqlparse.split = split  # yoyo asks for it by this name
