"""GET /audit: who may read it, filters, pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.backend import CHOSEN
from tests.e2e.audit.reading import listed
from tests.e2e.people import People
from tests.live import Live


async def test_admins_read_it_and_others_do_not(people: People) -> None:
    statuses = {
        name: (await people[name].caller.get("/audit")).status
        for name in ("viewer", "user", "admin", "super_admin")
    }

    assert statuses == {"viewer": 403, "user": 403, "admin": 200, "super_admin": 200}


async def test_a_key_needs_the_scope(live: Live, people: People) -> None:
    with_it = await people.admin.key(scopes=["audit:read"], all_environments="viewer")
    without = await people.admin.key(scopes=["users:read"], all_environments="viewer")

    assert (await live.with_key(with_it).get("/audit")).status == 200
    answer = await live.with_key(without).get("/audit")
    assert (answer.status, answer.error) == (403, "insufficient_scope")


async def test_filters_narrow_it(live: Live, people: People) -> None:
    admin = people.super_admin
    made = await live.make_user("newcomer")
    await admin.caller.patch(f"/users/{made['id']}", {"role": "viewer"})
    await admin.caller.patch(f"/users/{made['id']}", {"role": "user"})

    mine = {"actor": f"user:{admin.id}", "target": f"user:{made['id']}"}
    second, first = await listed(live, admin.caller, **mine, event="user.update", result="ok")
    assert first["details"] == {"role": "viewer", "role_before": "user"}
    assert await listed(live, admin.caller, **mine, start=second["time"]) == [second]
    assert await listed(live, admin.caller, **mine, end=second["time"]) == [first]
    assert await listed(live, admin.caller, **mine, result="denied") == []
    assert await listed(live, admin.caller, event="no.such") == []


async def test_it_is_read_page_by_page_while_rows_come(live: Live, people: People) -> None:
    caller = people.super_admin.caller
    whole = [row["id"] for row in await listed(live, caller)]
    seen, cursor = [], ""
    while True:
        answer = await caller.get(f"/audit?limit=3{cursor}")
        seen += [row["id"] for row in answer.body["events"]]
        if "next_cursor" not in answer.body:
            break
        cursor = f"&cursor={answer.body['next_cursor']}"
        await live.sign_in(people.user.username) if len(seen) < 7 else None

    assert seen == whole


async def test_a_cursor_is_for_its_own_filters(people: People) -> None:
    caller = people.super_admin.caller
    cursor = (await caller.get("/audit?limit=1")).body["next_cursor"]

    answer = await caller.get(f"/audit?limit=1&result=ok&cursor={cursor}")
    assert (answer.status, answer.error) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("start=yesterday", "/start"),
        ("end=2026-01-31", "/end"),
        ("start=2026-01-31T12:00:00", "/start"),
        ("end=1770000000", "/end"),
        ("result=maybe", "/result"),
        ("limit=0", "/limit"),
        ("limit=1001", "/limit"),
        ("actor=", "/actor"),
    ],
)
async def test_a_bad_filter_is_named(people: People, query: str, pointer: str) -> None:
    answer = await people.admin.caller.get(f"/audit?{query}")

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.body["errors"]] == [pointer]


async def test_the_start_of_the_server_is_there_with_names_and_no_values(
    live: Live, people: People
) -> None:
    # OB-04: configuration and plugins; OB-01: no value of a setting
    row: dict[str, Any] = (await listed(live, people.admin.caller, event="server.start"))[0]

    assert row["actor"] == "system"
    assert f"{CHOSEN} 0." in row["details"]["plugins"]
    assert "admin.password" in row["details"]["settings"]
    assert "walnut" not in str(row)
