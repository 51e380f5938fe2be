"""POST /auth/reauthenticate, and the routes that want a sign-in of not long ago."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agentbox.model.access.route import Access
from agentbox.plugin.routes import Route, RouteRequest, RouteResponse
from tests.e2e.people import People, Template
from tests.live import USER_PASSWORD, Caller, Live, ShiftedClock, live_server

PATH = "/auth/reauthenticate"
RIGHT = {"password": USER_PASSWORD}
WANTS_IT = "/x/tests/fresh"


async def fine(request: RouteRequest[Any, Any]) -> RouteResponse:
    return RouteResponse(status=204)


@pytest.fixture
async def live(template: Template, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Live]:
    """A server with a route that wants a fresh sign-in."""
    template.copy_to(tmp_path)
    route = Route(
        method="POST",
        path=f"/api/v1{WANTS_IT}",
        access=Access(kind="any", fresh=True),
        handler=fine,
        summary="A route of the tests",
        status=204,
    )
    async with live_server(tmp_path, clock=clock, routes=[route]) as server:
        yield server


@pytest.fixture
async def caller(people: People, clock: ShiftedClock) -> Caller:
    """Somebody who signed in eleven minutes ago."""
    caller = await people.user.anew()
    clock.advance(11 * 60)
    return caller


async def test_it_says_when_and_how(caller: Caller) -> None:
    answer = await caller.post(PATH, RIGHT)

    assert answer.status == 200
    assert set(answer.body) == {"auth_time", "amr"}
    assert answer.body["amr"] == ["pwd"]
    assert answer.headers["Cache-Control"] == "no-store"
    me = (await caller.get("/auth/me")).body
    assert me["auth"]["auth_time"] == answer.body["auth_time"]


async def test_an_old_sign_in_does_not_suffice_until_it_is_renewed(caller: Caller) -> None:
    before = await caller.post(WANTS_IT)
    await caller.post(PATH, RIGHT)
    after = await caller.post(WANTS_IT)

    assert (before.status, before.error) == (403, "insufficient_user_authentication")
    assert before.body["max_age"] == 600
    assert "WWW-Authenticate" not in before.headers
    assert after.status == 204


async def test_a_refresh_is_no_sign_in(live: Live, people: People, clock: ShiftedClock) -> None:
    body = {"username": people.user.username, "password": USER_PASSWORD}
    login = (await live.anonymous.post("/auth/login", body)).body
    clock.advance(11 * 60)
    answer = await live.anonymous.post("/auth/refresh", {"refresh_token": login["refresh_token"]})

    assert answer.status == 200
    assert (await live.with_token(answer.body["token"]).post(WANTS_IT)).status == 403


async def test_a_key_is_never_fresh(live: Live, people: People) -> None:
    key = live.with_key(await people.user.key())

    assert (await key.post(WANTS_IT)).error == "insufficient_user_authentication"
    assert (await key.post(PATH, RIGHT)).error == "session_required"


@pytest.mark.parametrize("password", ["", "wrong-password-entirely", "x" * 2000])
async def test_a_wrong_password_is_403_and_renews_nothing(caller: Caller, password: str) -> None:
    answer = await caller.post(PATH, {"password": password})

    assert (answer.status, answer.error) == (403, "invalid_password")
    assert "WWW-Authenticate" not in answer.headers
    assert (await caller.post(WANTS_IT)).status == 403


@pytest.mark.parametrize("body", [{}, {"password": None}, {"password": USER_PASSWORD, "acr": "x"}])
async def test_a_body_of_another_form_is_422(caller: Caller, body: dict[str, Any]) -> None:
    assert (await caller.post(PATH, body)).status == 422


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_ones_own_address_wants_a_fresh_sign_in(
    people: People, caller: Caller, method: str
) -> None:
    async def change(**fields: Any) -> tuple[int, str | None]:
        answer = await caller.request(method, people.user.path, json=fields)
        return answer.status, answer.error

    refused = (403, "insufficient_user_authentication")
    assert await change(email="me@example.com") == refused
    assert await change(email=None) == (200, None)  # there is none to take away
    await caller.post(PATH, RIGHT)
    assert await change(email="me@example.com") == (200, None)


async def test_what_is_no_own_address_asks_for_none(people: People, clock: ShiftedClock) -> None:
    admin = await people.admin.anew()
    clock.advance(11 * 60)

    answer = await admin.patch(people.user.path, {"email": "they@example.com"})

    assert (answer.status, answer.body["email"]) == (200, "they@example.com")
