"""Every text that the server gives out or keeps, wherever another one is expected: refused."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from agentbox.core.recognition.dispatch import Named
from agentbox.model.evidence import LOCAL_ISSUER, Identity
from agentbox.plugin.authenticator import (
    Challenge,
    LoginAnswer,
    LoginContext,
    LoginMethod,
    NotMine,
    PasswordLogin,
    Verified,
)
from tests.core.identities.at_sites import Site, judged, query_of, someone
from tests.e2e.environments.sandbox import register
from tests.e2e.identities.browser import OUR_PAGE, away_by, cookie_in, pair, sending
from tests.e2e.identities.opening import open_with
from tests.e2e.people import People, Template
from tests.live import UNTHROTTLED, USER_PASSWORD, Answer, Live, live_server

NEW_PASSWORD = "granite-violet-harbour-93"
IN_STEPS = "other_admin.person"

COOKIES: dict[str, str] = {}
"""States by the secret of the cookie that the browser got with each."""

Place = Callable[[str], Awaitable[Answer]]
Artefact = str | Callable[[], Awaitable[str]]
"""A text, or where a new one comes from if any try uses it up."""


class Willing(Site):
    """Lets everybody in."""

    async def finish(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        return judged(someone())


@pytest.fixture
async def live(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Live]:
    """A server that lets one guess as often as there are artefacts, with a site."""
    open_with(monkeypatch, Willing())
    template.copy_to(tmp_path)
    environ = {**UNTHROTTLED, "AGENTBOX_SERVER__RETURN_TO": OUR_PAGE}
    async with live_server(tmp_path, environ=environ) as server:
        yield server


class Steps(LoginMethod):
    """Wants a second step of one user, and is content with any."""

    def __init__(self, user_id: str) -> None:
        self._user = Identity(issuer=LOCAL_ISSUER, subject=user_id, authenticator_id="steps")

    async def begin(self, context: LoginContext, data: Struct) -> LoginAnswer:
        if isinstance(data, PasswordLogin) and data.username == IN_STEPS:
            return Challenge(kind="anything", state=b"state")
        return NotMine()

    async def advance(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        return Verified(self._user)


def text_of(data: bytes | None) -> str:
    """Bytes as a header or a body can carry them."""
    assert data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def waiting_flow(live: Live, people: People) -> str:
    """The text of a login that waits for its next step."""
    login = live.runtime.login
    method: Named[LoginMethod] = Named("steps", Steps(people.other_admin.id))
    login._methods = [method, *login._methods]
    body = {"username": IN_STEPS, "password": "x"}
    answer = await live.anonymous.post("/auth/login", body)
    assert answer.error == "login_incomplete"
    return str(answer.body["flow"])


async def away(live: Live, **query: str) -> str:
    """The state of our browser, which is on its way to the site."""
    answer = await live.anonymous.get("/auth/example/url", params=query)
    state = away_by(answer).state
    COOKIES[cookie_in(answer)] = state
    return state


async def new_cookie(live: Live) -> str:
    """The secret of a cookie of our browser."""
    state = await away(live)
    return next(secret for secret, of in COOKIES.items() if of == state)


def cookies() -> str:
    """All that our browser has."""
    return "; ".join(pair(state, secret) for secret, state in list(COOKIES.items())[-20:])


async def back_with(live: Live, state: str, cookie: str | None = None) -> Answer:
    """What a callback answers."""
    return await live.anonymous.get(
        "/auth/example/callback",
        params={"state": state, "code": "code"},
        allow_redirects=False,
        **sending(cookie or cookies()),
    )


async def code_of(live: Live) -> str:
    """The one-time code that a page gets."""
    answer = await back_with(live, await away(live, return_to=OUR_PAGE))
    return query_of(answer.headers["Location"])["code"]


async def artefacts(live: Live, people: People) -> dict[str, Artefact]:
    """All there are; the password last, since the change of it makes it another."""
    first = people.first.caller
    for name in ("one", "two"):
        await register(people.super_admin, name)
    key, record = await live.make_key(people.super_admin.caller)
    await live.make_key(people.super_admin.caller)
    flow = await waiting_flow(live, people)
    reset = await first.post(f"{people.other_viewer.path}/reset-password")
    me = (await people.super_admin.caller.get("/auth/me")).body
    async with live.runtime.storage.transaction(read_only=True) as tx:
        (signing_key,) = await tx.signing_keys.list()
        (issued,) = await tx.api_keys.issued([record["id"]])
        password = await tx.passwords.get(people.user.id)
        session = await tx.sessions.get(me["auth"]["session_id"])
    assert password is not None
    assert session is not None
    signed_in = await live.anonymous.post(
        "/auth/login", {"username": people.viewer.username, "password": USER_PASSWORD}
    )
    cursors = {
        name: (await people.super_admin.caller.get(f"/{path}?limit=1")).body["next_cursor"]
        for name, path in LISTS.items()
    }
    return {
        "access token": people.super_admin.token,
        "nonce of the session": text_of(session.nonce),
        "API key": key,
        "prefix of the key": record["key_prefix"],
        "digest of the key": text_of(issued.digest),
        **cursors,
        "login flow": flow,
        "refresh token": signed_in.body["refresh_token"],
        "sealed signing key": text_of(signing_key.sealed_private_key),
        "id of the signing key": signing_key.id,
        "hash of the password": password.password_hash,
        "session": me["auth"]["session_id"],
        "user": me["id"],
        "state": lambda: away(live),
        "one-time code": lambda: code_of(live),
        "flow cookie": lambda: new_cookie(live),
        "reset secret": reset.body["secret"],
        "password": USER_PASSWORD,
    }


LISTS = {
    "cursor of users": "users",
    "cursor of environments": "environments",
    "cursor of keys": "api-keys",
}


def places(live: Live, people: People) -> dict[str, Place]:
    """Wherever a text is expected that opens something."""
    anonymous, lister = live.anonymous, people.super_admin.caller

    def login(username: str) -> Place:
        return lambda text: anonymous.post("/auth/login", {"username": username, "password": text})

    def page(path: str) -> Place:
        return lambda text: lister.get(f"/{path}", params={"limit": "1", "cursor": text})

    async def with_cookie(text: str) -> Answer:
        state = COOKIES.get(text) or await away(live)
        return await back_with(live, state, pair(state, text))

    return {
        "bearer": lambda text: live.with_token(text).get("/auth/me"),
        "X-API-Key": lambda text: live.with_key(text).get("/auth/me"),
        "password": login(people.user.username),
        "password after a reset": login(people.other_viewer.username),
        "password again": lambda text: people.other_user.caller.post(
            "/auth/reauthenticate", {"password": text}
        ),
        "current password": lambda text: people.other_user.caller.post(
            "/auth/change-password", {"current_password": text, "new_password": NEW_PASSWORD}
        ),
        "flow": lambda text: anonymous.post(
            "/auth/login/continue", {"flow": text, "method": "steps", "data": {}}
        ),
        "refresh": lambda text: anonymous.post("/auth/refresh", {"refresh_token": text}),
        **{name: page(path) for name, path in LISTS.items()},
        "callback": lambda text: back_with(live, text),
        "cookie at the callback": with_cookie,
        "exchange": lambda text: anonymous.post(
            "/auth/exchange", {"code": text}, **sending(cookies())
        ),
    }


TAKEN = {
    ("access token", "bearer"),
    ("API key", "bearer"),
    ("API key", "X-API-Key"),
    ("login flow", "flow"),
    ("refresh token", "refresh"),
    ("state", "callback"),
    ("one-time code", "exchange"),
    ("flow cookie", "cookie at the callback"),
    ("reset secret", "password after a reset"),
    ("password", "password"),
    ("password", "password again"),
    ("password", "current password"),
    *((name, name) for name in LISTS),
}
"""Whatever is not here is refused."""

REFUSED = {
    "bearer": (401, "invalid_token"),
    "X-API-Key": (401, "invalid_token"),
    "password": (401, "invalid_credentials"),
    "password after a reset": (401, "invalid_credentials"),
    "password again": (403, "invalid_password"),
    "current password": (403, "invalid_password"),
    "flow": (401, "invalid_credentials"),
    "refresh": (401, "invalid_grant"),
    "callback": (401, "invalid_grant"),
    "cookie at the callback": (401, "invalid_grant"),
    "exchange": (401, "invalid_grant"),
    **dict.fromkeys(LISTS, (400, "invalid_cursor")),
}


async def test_each_is_taken_in_its_own_place_alone(live: Live, people: People) -> None:
    # JWT-09
    taken, said = set(), {}
    for artefact, text in (await artefacts(live, people)).items():
        for place, ask in places(live, people).items():
            answer = await ask(text if isinstance(text, str) else await text())
            if answer.status < 400:
                taken.add((artefact, place))
            elif (answer.status, answer.error) != REFUSED[place]:
                said[artefact, place] = (answer.status, answer.error)

    assert taken == TAKEN
    assert said == {}
