"""What `agentbox doctor` tells of a Postgres server: its version, and whether it keeps its word."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from agentbox.plugin.findings import Finding
from agentbox_postgres.checks import OLDEST
from agentbox_postgres.schema import CONNECT_WITHIN

FACTS = (
    "SELECT current_setting('server_version_num'), current_setting('server_version'),"
    " current_setting('fsync'), current_setting('full_page_writes'),"
    " current_setting('synchronous_commit')"
)

LOSES = {
    "fsync": "a crash of its machine can lose or destroy all that is stored",
    "full_page_writes": "a crash of its machine can leave pages that are half old and half new",
    "synchronous_commit": "a crash loses what was said to be done; agentbox does not start",
}


def findings(dsn: str) -> Sequence[Finding]:
    """Of the server, as this user finds it; nothing if it can't be asked."""
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_WITHIN) as connection:
            row = connection.execute(FACTS).fetchone()
    except psycopg.Error:
        return []  # opening the database tells what is the matter
    if row is None:
        return []
    number, version, *settings = row
    return [_version(int(number), version), *_durability(dict(zip(LOSES, settings, strict=True)))]


def _version(number: int, version: str) -> Finding:
    about, detail = "versions.postgres", f"Postgres {version}"
    if number >= OLDEST:
        return Finding(about=about, verdict="ok", detail=detail)
    return Finding(
        about=about,
        verdict="problem",
        detail=f"{detail} is too old; agentbox does not start.",
        remedy=f"Move to Postgres {OLDEST // 10000} or later.",
    )


def _durability(settings: dict[str, str]) -> Sequence[Finding]:
    about = "database.durability"
    off = [name for name, value in settings.items() if value == "off"]
    if not off:
        return [Finding(about=about, verdict="ok", detail="What was answered is on its disk.")]
    return [
        Finding(
            about=about,
            verdict="problem",
            detail=f"{name} is off: {LOSES[name]}.",
            remedy=f"Switch {name} on.",
        )
        for name in off
    ]
