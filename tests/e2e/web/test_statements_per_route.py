"""How many statements each route sends: stated here, and the same however much is stored.

Beside them, a request reads the state of its caller: one statement, at most four times a second.
In a change the actor is read again, which is counted here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import live as live_module
from tests.e2e.environments.sandbox import register, share
from tests.e2e.people import People, Template
from tests.e2e.web.statements import Statements, noting
from tests.live import USER_PASSWORD, Live, ShiftedClock, live_server

API = "/api/v1"

STATED: dict[str, int] = {
    "GET /users": 2,
    "POST /users": 3,
    "POST /users/bulk": 5,  # for one user, of which four for each
    "GET /users/{user_id}": 2,  # the user, and its sign-ins elsewhere
    "PUT /users/{user_id}": 6,
    "PATCH /users/{user_id}": 6,
    "DELETE /users/{user_id}": 8,
    "POST /users/{user_id}/disable": 5,
    "POST /users/{user_id}/enable": 4,
    "POST /users/{user_id}/unlock": 4,
    "POST /users/{user_id}/reset-password": 9,  # sign-ins elsewhere go too
    "GET /users/{user_id}/sessions": 3,
    "DELETE /users/{user_id}/sessions": 4,
    "GET /users/{user_id}/environments": 4,  # the last one asks which of those that run are stale
    "GET /users/{user_id}/permissions": 3,
    "POST /users/{user_id}/permissions": 5,
    "PUT /users/{user_id}/permissions": 10,  # a change and the page that is answered
    "PUT /users/{user_id}/permissions/{environment_id}": 6,
    "DELETE /users/{user_id}/permissions/{environment_id}": 5,
    "GET /environments": 3,
    "POST /environments": 6,
    "GET /environments/{environment_id}": 2,
    "PATCH /environments/{environment_id}": 8,
    "POST /environments/{environment_id}/report": 2,
    "DELETE /environments/{environment_id}": 4,
    "GET /environments/{environment_id}/permissions": 3,
    "POST /environments/{environment_id}/permissions": 5,
    "PUT /environments/{environment_id}/permissions/{user_id}": 6,
    "DELETE /environments/{environment_id}/permissions/{user_id}": 5,
    "GET /api-keys": 2,
    "POST /api-keys": 4,
    "GET /api-keys/{key_id}": 2,
    "PATCH /api-keys/{key_id}": 5,
    "DELETE /api-keys/{key_id}": 5,
    "GET /api-keys/{key_id}/permissions": 2,
    "GET /api-keys/{key_id}/usage": 3,
    "POST /api-keys/{key_id}/rotate": 7,
    "POST /api-keys/self/revoke": 3,
    "POST /authorize": 1,  # for a hundred questions
    "GET /scopes": 0,
    "POST /system/keys/rotate": 6,  # one for each key that still verifies
    "GET /system/jobs": 1,
    "POST /system/jobs/{job}/run": 4,
    "GET /audit": 1,
    "GET /metrics": 2,  # whether one may, and the points
    "GET /metrics/global": 1,
    "GET /metrics/environment/{environment_id}": 2,
    "GET /metrics/running-sandboxes": 2,
    "GET /metrics/cpu-usage": 2,
    "GET /metrics/memory-usage": 2,
    "GET /metrics/start-time": 1,
    "GET /metrics/types": 0,
    "GET /system/stats": 10,
    "GET /system/config": 0,
}


class Counted(NamedTuple):
    """A server whose routes count their statements."""

    live: Live
    people: People
    statements: Statements
    clock: ShiftedClock

    def counts(self) -> dict[str, int]:
        """Statements of the last call of each route, but for signing in and out."""
        sent = self.statements.by_route
        names = [name for name in sent if "/auth/" not in name]
        return {name.replace(API, ""): len(sent[name]) for name in names}


@pytest.fixture
async def counted(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: ShiftedClock
) -> AsyncIterator[Counted]:
    template.copy_to(tmp_path)
    table = live_module.route_table
    with noting(monkeypatch) as statements:
        monkeypatch.setattr(
            live_module,
            "route_table",
            lambda runtime: [statements.counted(route) for route in table(runtime)],
        )
        async with live_server(tmp_path, clock=clock) as live:
            yield Counted(live, People(live, template), statements, clock)


async def call_all(live: Live, people: People, clock: ShiftedClock) -> None:
    """Every route once, each with success, by a super_admin unless it is about keys."""
    admin, user = people.super_admin.caller, people.user.caller
    mine = await register(people.user, "mine", status="running")
    gone = await register(people.user, "gone")
    clock.advance(300)  # one that was just started can't be stale, and nothing is asked
    await share(people.user, gone, people.viewer, "viewer")
    leaver = (await live.make_user("leaver"))["id"]
    text, key = await live.make_key(user)
    box, other = f"/environments/{mine['id']}", people.other_user.path
    entry = {"environment_id": mine["id"], "permission": "editor"}
    calls: list[tuple[Any, str, str, Any]] = [
        (admin, "GET", "/users?search=user&role=user", None),
        (admin, "PUT", other, {"email": "a@example.org"}),
        (admin, "PATCH", other, {"email": "b@example.org"}),
        (admin, "GET", other, None),
        (admin, "POST", f"{other}/permissions", entry),
        (admin, "PUT", f"{other}/permissions/{mine['id']}", {"permission": "viewer"}),
        (admin, "PUT", f"{other}/permissions", {"permissions": [entry]}),
        (admin, "GET", f"{other}/permissions", None),
        (admin, "GET", f"{other}/environments", None),
        (admin, "DELETE", f"{other}/permissions/{mine['id']}", None),
        (admin, "GET", "/environments?search=m&status=running", None),
        (admin, "GET", box, None),
        (admin, "PATCH", box, {"labels": {"a": "b"}}),
        (admin, "POST", f"{box}/report", {"cpu_millicores": 250, "sandboxes": 2}),
        (admin, "POST", f"{box}/permissions", {"user_id": people.admin.id, "permission": "viewer"}),
        (admin, "PUT", f"{box}/permissions/{people.admin.id}", {"permission": "editor"}),
        (admin, "GET", f"{box}/permissions", None),
        (admin, "DELETE", f"{box}/permissions/{people.admin.id}", None),
        (admin, "DELETE", f"/environments/{gone['id']}", None),
        (admin, "GET", "/api-keys?all=true", None),
        (user, "POST", "/api-keys", {"permissions": [entry]}),
        (user, "GET", f"/api-keys/{key['id']}", None),
        (user, "GET", f"/api-keys/{key['id']}/permissions", None),
        (user, "GET", f"/api-keys/{key['id']}/usage", None),
        (user, "PATCH", f"/api-keys/{key['id']}", {"name": "renamed"}),
        (user, "POST", f"/api-keys/{key['id']}/rotate", {}),
        (live.with_key(text), "POST", "/api-keys/self/revoke", None),
        (user, "DELETE", f"/api-keys/{(await live.make_key(user))[1]['id']}", None),
        (admin, "POST", "/authorize", {"checks": [entry] * 100}),
        (admin, "GET", "/scopes", None),
        (admin, "GET", "/audit?result=ok&limit=5", None),
        (user, "GET", f"/metrics?type=cpu_usage&env_id={mine['id']}", None),
        (admin, "GET", "/metrics/global?type=users&agg=last", None),
        (user, "GET", f"/metrics/environment/{mine['id']}?type=start_time&step=1d", None),
        (user, "GET", f"/metrics/running-sandboxes?env_id={mine['id']}", None),
        (user, "GET", f"/metrics/cpu-usage?env_id={mine['id']}", None),
        (user, "GET", f"/metrics/memory-usage?env_id={mine['id']}", None),
        (admin, "GET", "/metrics/start-time", None),
        (user, "GET", "/metrics/types", None),
        (admin, "GET", "/system/stats", None),
        (admin, "GET", "/system/config", None),
        (admin, "GET", f"/users/{leaver}/sessions", None),
        (admin, "DELETE", f"/users/{leaver}/sessions", None),
        (admin, "POST", f"/users/{leaver}/disable", None),
        (admin, "POST", f"/users/{leaver}/enable", None),
        (admin, "POST", f"/users/{leaver}/unlock", None),
        (admin, "POST", f"/users/{leaver}/reset-password", None),
        (admin, "POST", "/users/bulk", {"ids": [leaver], "action": "disable"}),
        (admin, "DELETE", f"/users/{leaver}", None),
        (admin, "POST", "/users", {"username": "newcomer"}),
        (admin, "POST", "/system/keys/rotate", {}),
        (admin, "GET", "/system/jobs", None),
        (admin, "POST", "/system/jobs/audit-cut/run", None),
    ]
    for caller, method, path, body in calls:
        options = {} if body is None else {"json": body}
        answer = await caller.request(method, path, **options)
        assert answer.status < 300, (method, path, answer.text)


async def test_each_route_sends_as_many_statements_as_are_stated(counted: Counted) -> None:
    await call_all(counted.live, counted.people, counted.clock)

    assert counted.counts() == STATED


async def test_they_are_as_many_where_more_is_stored(counted: Counted) -> None:
    people = counted.people
    for number in range(30):
        environment = await register(people.admin, f"box {number}", labels={"n": "1"})
        await share(people.admin, environment, people.user, "editor")
        await share(people.admin, environment, people.other_user, "editor")
        await people.user.key(name=f"key {number}")
        await counted.live.sign_in(people.viewer.username, USER_PASSWORD) if number < 3 else None

    await call_all(counted.live, people, counted.clock)

    # Emptying a list takes as many more as there is to take away; nothing else grows.
    grown = {name: n for name, n in counted.counts().items() if n != STATED[name]}
    assert set(grown) <= {"PUT /users/{user_id}/permissions"}


async def test_every_route_is_stated(counted: Counted) -> None:
    table = live_module.route_table(counted.live.runtime)
    named = {f"{route.method} {route.path.replace(API, '')}" for route in table}

    unstated = {name for name in named - set(STATED) if " /auth/" not in name}
    assert unstated == {"GET /health", "GET /healthz", "GET /readyz", "GET /.well-known/jwks.json"}
    assert set(STATED) - named == set()
