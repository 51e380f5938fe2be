"""How SQLite finds the rows of a statement, and whether that takes long in a large database."""

from __future__ import annotations

import re
import sqlite3

SUBQUERIES = {"SCAN first_grants", "SCAN made_steps"}
"""Not tables: rows that the statement has found already, by the steps before it."""


def plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    """SQLite's plan, one line a step."""
    numbers = dict.fromkeys(re.findall(r"\$(\d+)", statement), "1")
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", numbers)]


def scans(step: str) -> bool:
    """True for a walk over a whole table.

    One along an index stops at the limit. A search for a part of a name has no index to go by: it
    walks one that holds all that is compared, and reads a row only once that is on the page.
    """
    return step.startswith("SCAN") and " INDEX " not in step and step not in SUBQUERIES


def slow(sql: str, steps: list[str]) -> bool:
    """True also for a sort of all that was found, unless its ids are named: a thousand at most."""
    named = re.search(r"environment(s\.|_)id IN \((\$|NULL)", sql)
    sorts = not named and any("TEMP B-TREE" in step for step in steps)
    return sorts or any(map(scans, steps))
