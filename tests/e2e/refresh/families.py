"""Sessions at a server, by their refresh tokens."""

from __future__ import annotations

from typing import NamedTuple

from tests.live import USER_PASSWORD, Answer, Caller, Live

PATH = "/auth/refresh"


class Tokens(NamedTuple):
    """What a login or a refresh gave."""

    access: str
    refresh: str

    @classmethod
    def of(cls, answer: Answer) -> Tokens:
        """Of an answer that must be a good one."""
        assert answer.status == 200, answer.text
        return cls(answer.body["token"], answer.body["refresh_token"])


async def begin(live: Live, username: str, password: str = USER_PASSWORD) -> Tokens:
    """The first tokens of a new session."""
    body = {"username": username, "password": password}
    return Tokens.of(await live.anonymous.post("/auth/login", body))


async def refresh(live: Live, token: str, caller: Caller | None = None) -> Answer:
    """What the server says to one refresh token."""
    return await (caller or live.anonymous).post(PATH, {"refresh_token": token})


async def go_on(live: Live, token: str) -> Tokens:
    """The next tokens."""
    return Tokens.of(await refresh(live, token))


async def is_dead(live: Live, tokens: Tokens) -> bool:
    """Whether neither of them is worth anything; asks for the access token first."""
    me = await live.with_token(tokens.access).get("/auth/me")
    again = await refresh(live, tokens.refresh)
    return (me.status, me.error, again.status, again.error) == (
        401,
        "invalid_token",
        401,
        "invalid_grant",
    )
