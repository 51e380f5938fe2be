"""Guesses at passwords, from wherever the test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.e2e.people import Template
from tests.live import Answer, Live, ShiftedClock, live_server

WRONG = "not-the-password-at-all"
BEHIND_A_PROXY = {"AGENTBOX_SERVER__TRUSTED_PROXIES": "127.0.0.1"}


@asynccontextmanager
async def behind_a_proxy(
    template: Template, folder: Path, clock: ShiftedClock
) -> AsyncIterator[Live]:
    """A server on a copy of the template that believes whom `guess` says it comes from."""
    template.copy_to(folder)
    async with live_server(folder, clock=clock, environ=BEHIND_A_PROXY) as live:
        yield live


async def guess(
    live: Live, username: str, password: str = WRONG, *, address: str | None = None
) -> Answer:
    """One login; with `address` as the proxy in front would say it."""
    headers = {"X-Request-Id": "the-same"}
    if address is not None:
        headers["X-Forwarded-For"] = address
    body = {"username": username, "password": password}
    return await live.anonymous.post("/auth/login", body, headers=headers)


async def statuses(
    live: Live, username: str, times: int, *, address: str | None = None
) -> list[int]:
    """What so many wrong guesses, one after the other, are answered."""
    return [(await guess(live, username, address=address)).status for _ in range(times)]


def hashes(live: Live) -> int:
    """How many passwords have been hashed."""
    return live.runtime.counters.value("password.hashes")


def said(answer: Answer) -> tuple[int, dict[str, str], str]:
    """Everything that an answer says but when: the request's id is always the same here."""
    when = {"Date", "Retry-After"}
    headers = {name: value for name, value in answer.headers.items() if name not in when}
    return answer.status, headers, answer.text
