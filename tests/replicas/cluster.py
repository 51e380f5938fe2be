"""Several `agentbox serve` on one Postgres, as processes of their own."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.live import ADMIN_PASSWORD, USER_PASSWORD, Answer, Caller
from tests.process import ServerProcess, environment

SECRET_KEY = base64.b64encode(os.urandom(32)).decode()


def settings(dsn: str, **more: str) -> dict[str, str]:
    """The environment of a replica; its admin has `ADMIN_PASSWORD`."""
    given = {
        "AGENTBOX_DB_DSN": dsn,
        "AGENTBOX_SECRET_KEY": SECRET_KEY,
        "AGENTBOX_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "AGENTBOX_PUBLIC_URL": "http://127.0.0.1:8080",
    }
    return environment(**(given | more))


def name_of(dsn: str) -> str:
    """The database in a DSN of `tests.postgres`."""
    return dsn.partition("@/")[2].partition("?")[0]


@contextmanager
def starting(
    folder: Path, count: int, env: Mapping[str, str], *arguments: str
) -> Iterator[list[ServerProcess]]:
    """So many processes, begun at once and not waited for; ended at the end whatever happens."""
    made: list[ServerProcess] = []
    try:
        for _ in range(count):
            made.append(ServerProcess(folder, *arguments, env=env))
        yield made
    finally:
        for one in made:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGKILL)
        for one in made:
            one.wait()


@contextmanager
def cluster(
    folder: Path, count: int, env: Mapping[str, str], *arguments: str
) -> Iterator[list[ServerProcess]]:
    """So many replicas that listen."""
    with starting(folder, count, env, *arguments) as made:
        for one in made:
            one.wait_until_listening()
        yield made


class Replica:
    """One of the processes, and those who call it."""

    def __init__(self, process: ServerProcess, session: aiohttp.ClientSession) -> None:
        self.process = process
        self._session = session
        self.anonymous = Caller(session, {})

    def with_token(self, token: str) -> Caller:
        """Calls with an access token or an API key."""
        return Caller(self._session, {"Authorization": f"Bearer {token}"})

    async def login(self, username: str, password: str = USER_PASSWORD) -> Mapping[str, Any]:
        """The answer to a login."""
        body = {"username": username, "password": password}
        answer = await self.anonymous.post("/auth/login", body)
        assert answer.status == 200, answer.text
        return dict(answer.body)

    async def sign_in(self, username: str, password: str = USER_PASSWORD) -> Caller:
        """Calls as somebody who has just signed in."""
        return self.with_token((await self.login(username, password))["token"])

    async def admin(self) -> Caller:
        """The super_admin of the first start."""
        return await self.sign_in("admin", ADMIN_PASSWORD)

    async def refresh(self, token: str) -> Answer:
        """Go on with a session."""
        return await self.anonymous.post("/auth/refresh", {"refresh_token": token})


@asynccontextmanager
async def calling(processes: list[ServerProcess]) -> AsyncIterator[list[Replica]]:
    """Clients of replicas, for one test's loop."""
    async with contextlib.AsyncExitStack() as stack:
        replicas = []
        for process in processes:
            connector = aiohttp.TCPConnector(limit=0)
            session = aiohttp.ClientSession(process.url, connector=connector)
            replicas.append(Replica(process, await stack.enter_async_context(session)))
        yield replicas
