"""A password that was made for someone has to be changed before anything else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend import database_in
from tests.live import Caller, Live, live_server

NEW = "granite-violet-harbour-93"


class FirstStart:
    """A server that made its first password itself."""

    def __init__(self, live: Live, file: Path) -> None:
        self.live = live
        self.file = file
        self.password = file.read_text().strip()


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirstStart]:
    monkeypatch.chdir(tmp_path)
    async with live_server(tmp_path, environ={"AGENTBOX_ADMIN_PASSWORD": None}) as live:
        yield FirstStart(live, database_in(tmp_path).initial_password)


@pytest.fixture
async def restricted(start: FirstStart) -> Caller:
    """The first super_admin, signed in with the password that was made."""
    return await start.live.sign_in("admin", start.password)


async def test_the_file_is_private_and_the_password_strong(start: FirstStart) -> None:
    # OP-01
    assert start.file.stat().st_mode & 0o777 == 0o600
    assert len(start.password) >= 22  # 128 bits in base64


async def test_login_and_me_say_so(start: FirstStart) -> None:
    body = {"username": "admin", "password": start.password}
    answer = await start.live.anonymous.post("/auth/login", body)
    assert answer.body["user"]["password_change_required"] is True

    me = await start.live.with_token(answer.body["token"]).get("/auth/me")

    assert me.status == 200
    assert me.body["password_change_required"] is True
    assert me.body["auth"]["restrictions"] == ["password_change_required"]


OPEN = {
    ("GET", "/api/v1/auth/me"),
    ("POST", "/api/v1/auth/change-password"),
    ("POST", "/api/v1/auth/logout"),
    ("POST", "/api/v1/authorize"),  # says that it may nothing
}


async def test_every_other_route_is_closed(start: FirstStart, restricted: Caller) -> None:
    # OP-01
    from agentbox.web.routes import core_routes

    answers = {}
    for route in core_routes(start.live.runtime):
        if route.access.kind != "public" and (route.method, route.path) not in OPEN:
            path = re.sub(r"{\w+}", "x", route.path)
            answer = await restricted.request(route.method, path)
            answers[f"{route.method} {route.path}"] = (answer.status, answer.error)

    assert len(answers) >= 10
    assert set(answers.values()) == {(403, "password_change_required")}


async def test_the_change_opens_this_session_and_removes_the_file(
    start: FirstStart, restricted: Caller
) -> None:
    # OP-01
    other = await start.live.sign_in("admin", start.password)

    answer = await restricted.post("/auth/change-password", {"new_password": NEW})

    assert answer.status == 204
    assert (await restricted.get("/users")).status == 200
    me = (await restricted.get("/auth/me")).body
    assert me["auth"]["restrictions"] == []
    assert "password_change_required" not in me
    assert (await other.get("/auth/me")).status == 401
    assert not start.file.exists()
    assert (await (await start.live.sign_in("admin", NEW)).get("/users")).status == 200


async def test_a_current_password_sent_along_is_not_looked_at(restricted: Caller) -> None:
    body = {"current_password": "anything", "new_password": NEW}

    assert (await restricted.post("/auth/change-password", body)).status == 204


async def test_the_password_that_was_made_is_not_taken_again(
    start: FirstStart, restricted: Caller
) -> None:
    answer = await restricted.post("/auth/change-password", {"new_password": start.password})

    assert (answer.status, answer.error) == (422, "weak_password")
    assert (await restricted.get("/users")).error == "password_change_required"


async def test_a_password_from_the_operator_needs_no_change(live: Live) -> None:
    me = (await (await live.admin()).get("/auth/me")).body

    assert me["auth"]["restrictions"] == []


async def test_a_password_given_at_creation_needs_no_change(live: Live) -> None:
    await live.make_user("ada")

    me = (await (await live.sign_in("ada")).get("/auth/me")).body

    assert "password_change_required" not in me
