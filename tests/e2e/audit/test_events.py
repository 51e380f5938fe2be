"""Everything that OB-04 lists stands in the audit, with whom, what, whence, when and how."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentbox.core.audit.events import EVENTS
from agentbox.core.audit.retention import CutAudit
from agentbox.core.audit.sealing import SealAudit
from agentbox.core.keeping.backups import note_restore
from tests.core.identities.at_sites import Site, judged, someone
from tests.e2e.audit.reading import listed
from tests.e2e.environments.sandbox import register, share
from tests.e2e.identities.browser import away_by, back
from tests.e2e.identities.opening import open_with
from tests.e2e.people import People, Template
from tests.e2e.refresh.families import begin, go_on, refresh
from tests.house.tree import ROOT, modules
from tests.live import USER_PASSWORD, Live, ShiftedClock, live_server

NEW_PASSWORD = "marble-falcon-thicket-53"


@pytest.fixture
async def live(
    template: Template, tmp_path: Path, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Live]:
    """A server with a site to sign in at."""
    open_with(monkeypatch, Site(judged(someone())))
    template.copy_to(tmp_path)
    async with live_server(tmp_path, clock=clock) as server:
        yield server


async def test_every_event_there_is_occurs(live: Live, people: People, clock: ShiftedClock) -> None:
    # OB-04: logins, throttle, denials, roles, permissions, keys, sessions, configuration, plugins
    await _people_and_sessions(live, people)
    await _identities(live, people)
    await _environments_and_keys(people)
    await _refusals(live, people)
    await note_restore(live.runtime.storage, clock, Path("backup.db"))
    await _cut(live, clock)

    rows = await listed(live, people.first.caller)
    assert {row["event"] for row in rows} == set(EVENTS)
    for row in rows:
        assert row["id"]
        assert datetime.fromisoformat(row["time"]).utcoffset() == timedelta(0)
        assert row["result"] == ("denied" if row["event"].endswith(".refuse") else "ok")
        if row["actor"] != "system" and row["actor"] != "operator":
            assert row["address"] == "127.0.0.1", row
            assert row["request_id"], row


async def _people_and_sessions(live: Live, people: People) -> None:
    admin = people.super_admin.caller
    path = f"/users/{(await live.make_user('newcomer'))['id']}"
    newcomer = await live.sign_in("newcomer")
    change = {"current_password": USER_PASSWORD, "new_password": NEW_PASSWORD}
    for caller, method, where, body in (
        (admin, "PATCH", path, {"role": "admin"}),
        (newcomer, "POST", "/auth/change-password", change),
        (newcomer, "POST", "/auth/logout", None),
        (people.viewer.caller, "POST", "/auth/reauthenticate", {"password": USER_PASSWORD}),
        (admin, "DELETE", f"{people.other_viewer.path}/sessions", None),
        (admin, "PUT", path, {"password": USER_PASSWORD}),
        (admin, "POST", f"{path}/unlock", None),
        (admin, "POST", f"{path}/reset-password", None),
        (admin, "DELETE", path, None),
        (admin, "POST", "/system/keys/rotate", {}),
        (admin, "POST", "/system/jobs/purge-expired/run", None),
    ):
        answer = await caller.request(method, where, **({"json": body} if body else {}))
        assert answer.status < 300, (where, answer.text)


async def _identities(live: Live, people: People) -> None:
    caller = people.user.caller
    again = await caller.post("/auth/reauthenticate", {"password": USER_PASSWORD})
    assert again.status == 200  # the sign-in may be long ago
    begun = await caller.post("/auth/identities/example/link", {"current_password": USER_PASSWORD})
    assert (await back(live, away_by(begun))).status == 204
    [linked] = (await caller.get("/auth/identities")).body["identities"]
    assert (await caller.delete(f"/auth/identities/{linked['id']}")).status == 204


async def _environments_and_keys(people: People) -> None:
    user = people.user.caller
    box = await register(people.user)
    await share(people.user, box, people.other_user, "viewer")
    path = f"/environments/{box['id']}"
    _, key = await people.user.live.make_key(user)
    for method, where, body in (
        ("PUT", f"{path}/permissions/{people.other_user.id}", {"permission": "editor"}),
        ("DELETE", f"{path}/permissions/{people.other_user.id}", None),
        ("PATCH", path, {"labels": {"a": "b"}}),
        ("DELETE", path, None),
        ("PATCH", f"/api-keys/{key['id']}", {"name": "renamed"}),
        ("POST", f"/api-keys/{key['id']}/rotate", {}),
        ("DELETE", f"/api-keys/{key['id']}", None),
    ):
        answer = await user.request(method, where, **({} if body is None else {"json": body}))
        assert answer.status < 300, (where, answer.text)


async def _refusals(live: Live, people: People) -> None:
    wrong = {"username": people.user.username, "password": "not-this-one"}
    assert (await live.anonymous.post("/auth/login", wrong)).status == 401
    assert (await people.user.caller.get("/users")).status == 403
    assert (await live.with_token("nonsense").get("/auth/me")).status == 401
    spent = (await begin(live, people.user.username)).refresh
    await go_on(live, (await go_on(live, spent)).refresh)
    assert [(await refresh(live, spent)).error for _ in range(2)] == ["invalid_grant"] * 2
    limited = live.with_key(await people.user.key(rate_limit="1/day"))
    assert [(await limited.get("/auth/me")).status for _ in range(2)] == [200, 429]


async def _cut(live: Live, clock: ShiftedClock) -> None:
    parts = live.runtime.auditing
    job = CutAudit(parts.chain, clock, timedelta(days=365))
    async with live.runtime.storage.transaction() as tx:
        await SealAudit(parts.chain).seal_some(tx)
        (first,) = await tx.audit.rows(0, 1)
        assert first.event is not None
        assert await job.cut_some(tx, first.event.time + timedelta(microseconds=1)) >= 1


def test_every_event_that_the_program_writes_is_on_the_list() -> None:
    written = {
        text for path in modules("agentbox/core", "agentbox/web") for text in _events_in(path)
    }

    assert written == set(EVENTS)


def _events_in(path: Path) -> set[str]:
    """Texts such as `user.create` that a call of `record`, `_record`, `note` or a row is given."""
    if path == ROOT / "agentbox/core/audit/events.py":
        return set()
    names = {"record", "_record", "note", "AuditEvent"}
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        texts: list[Any] = []
        if isinstance(node, ast.Call) and _name_of(node.func) in names:
            texts = [*node.args, *(keyword.value for keyword in node.keywords)]
        elif isinstance(node, ast.AnnAssign) and _name_of(node.target) == "EVENTS":
            texts = [*ast.walk(node)]
        found |= {
            text.value
            for text in texts
            if isinstance(text, ast.Constant)
            and isinstance(text.value, str)
            and text.value.partition(".")[2].replace("_", "").isalpha()
        }
    return found


def _name_of(node: ast.expr) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", "")


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_an_event_is_a_thing_and_a_verb(event: str) -> None:
    thing, _, verb = event.partition(".")

    assert thing.isidentifier()
    assert verb.isidentifier()
