"""A browser that is sent to a site and comes back, with its cookie."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any, NamedTuple

from tests.core.identities.at_sites import query_of
from tests.live import Answer, Caller, Live

COOKIE = "__Host-agentbox_flow_"
"""What the name of a sign-in's cookie begins with."""
OUR_PAGE = "https://app.example/signed-in"


class Away(NamedTuple):
    """What the site and the browser got; the cookie with its name."""

    state: str
    cookie: str


def set_cookie(answer: Answer) -> str:
    """The one Set-Cookie header of an answer."""
    [text] = answer.headers.getall("Set-Cookie")
    return str(text)


def cookie_in(answer: Answer) -> str:
    """The value of the flow cookie that an answer sets."""
    [cookie] = SimpleCookie(set_cookie(answer)).values()
    return cookie.value


def pair(state: str, secret: str) -> str:
    """The cookie of the sign-in that a state or a code is of, with that for its secret."""
    return f"{COOKIE}{state.partition('.')[0]}={secret}"


def sending(cookie: str | None) -> dict[str, Any]:
    """Options of a request with the cookie."""
    return {"headers": {} if cookie is None else {"Cookie": cookie}}


def away_by(answer: Answer) -> Away:
    """From the answer of /url or of a link."""
    assert answer.status == 200, answer.text
    state = query_of(answer.body["url"])["state"]
    return Away(state, pair(state, cookie_in(answer)))


async def begun(caller: Caller, provider: str = "example", **query: str) -> Away:
    """A browser that is on its way."""
    return away_by(await caller.get(f"/auth/{provider}/url", params=query))


async def back(
    live: Live, away: Away, provider: str = "example", *, cookie: str | None = "its own"
) -> Answer:
    """It comes back by an address, with its own cookie unless told otherwise, or none."""
    if cookie is not None:
        cookie = away.cookie if cookie == "its own" else pair(away.state, cookie)
    return await live.anonymous.get(
        f"/auth/{provider}/callback",
        params={"state": away.state, "code": "code", "scope": "openid"},
        allow_redirects=False,
        **sending(cookie),
    )


async def signed_in(live: Live) -> Answer:
    """The whole way."""
    return await back(live, await begun(live.anonymous))
