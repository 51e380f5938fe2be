"""Where the row of the audit can't be written, the change is not made, whichever it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.backend import Database, database_in
from tests.e2e.environments.sandbox import register, share
from tests.e2e.people import People
from tests.live import USER_PASSWORD, Caller, Live

OF_NO_CHANGE = {
    "jobs",
    "api_key_usage",
    "api_key_rates",
    "audit_seals",
    "audit_points",
    "throttles",
    "known_addresses",
    "metric_series",
    "metric_raw",
    "metric_minutes",
    "metric_hours",
    "metric_days",
    "metric_levels",
}
"""Tables that are written beside requests; a guess counts whatever comes of it."""


def stored(database: Database) -> dict[str, list[str]]:
    """All that changes write: when something was used is written each second by nobody's wish."""
    with database.reader() as reader:
        columns = {
            table: [name for name in reader.columns(table) if name != "last_used"]
            for table in reader.tables()
            if table not in OF_NO_CHANGE
        }
        return {
            table: sorted(map(repr, reader.rows(f"SELECT {', '.join(names)} FROM {table}")))
            for table, names in columns.items()
        }


async def calls(live: Live, people: People) -> list[tuple[Caller, str, str, Any]]:
    """A change of every kind."""
    admin, user = people.super_admin.caller, people.user.caller
    box = await register(people.user)
    await share(people.user, box, people.other_user, "viewer")
    _, key = await live.make_key(user)
    other, path, key_path = (
        people.viewer.path,
        f"/environments/{box['id']}",
        f"/api-keys/{key['id']}",
    )
    change = {"current_password": USER_PASSWORD, "new_password": "marble-falcon-thicket-53"}
    return [
        (admin, "POST", "/users", {"username": "newcomer"}),
        (admin, "PATCH", other, {"role": "user"}),
        (admin, "PUT", other, {"password": "marble-falcon-thicket-53"}),
        (admin, "POST", f"{other}/disable", None),
        (admin, "POST", f"{other}/unlock", None),
        (admin, "POST", f"{other}/reset-password", None),
        (admin, "DELETE", f"{other}/sessions", None),
        (admin, "DELETE", other, None),
        (user, "POST", "/environments", {"name": "another"}),
        (user, "PATCH", path, {"name": "renamed"}),
        (user, "PUT", f"{path}/permissions/{people.other_user.id}", {"permission": "editor"}),
        (user, "DELETE", f"{path}/permissions/{people.other_user.id}", None),
        (user, "POST", f"{path}/permissions", {"user_id": people.admin.id, "permission": "owner"}),
        (user, "DELETE", path, None),
        (user, "POST", "/api-keys", {}),
        (user, "PATCH", key_path, {"name": "renamed"}),
        (user, "POST", f"{key_path}/rotate", {}),
        (user, "DELETE", key_path, None),
        (user, "POST", "/auth/change-password", change),
        (user, "POST", "/auth/logout", None),
        (live.anonymous, "POST", "/auth/login", _login(people)),
    ]


def _login(people: People) -> dict[str, str]:
    return {"username": people.user.username, "password": USER_PASSWORD}


async def test_no_change_is_made_without_its_row(
    live: Live, people: People, tmp_path: Path
) -> None:
    # OB-04: if it cannot be written the change fails
    asked = await calls(live, people)
    database = database_in(tmp_path)
    await asyncio.to_thread(database.refuse_inserts, "audit")
    before = stored(database)

    for caller, method, path, body in asked:
        options = {} if body is None else {"json": body}
        answer = await caller.request(method, path, **options)
        assert answer.status == 503, (method, path, answer.text)
        assert stored(database) == before, (method, path)

    await asyncio.to_thread(database.take_inserts, "audit")
    assert (await people.super_admin.caller.post("/users", {"username": "newcomer"})).status == 201
    assert stored(database) != before
