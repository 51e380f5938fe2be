"""A whole server in this process: a real database, the real chain, a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from agentbox.core.clock import DatabaseClock
from agentbox.core.runtime import Runtime, open_runtime
from agentbox.core.startup import assemble
from agentbox.plugin.http import Outgoing
from agentbox.plugin.routes import Route
from agentbox.web.outgoing.client import OutgoingHttp
from agentbox.web.routes import route_table
from agentbox.web.server import Server
from tests.backend import Database, database_in

UNTHROTTLED = {
    f"AGENTBOX_THROTTLE__{counter}": "1000000/1s"
    for counter in ("ACCOUNT_ADDRESS", "ACCOUNT", "ADDRESS", "TOTAL")
}
"""For tests that are full of wrong passwords and about something else."""

ADMIN_PASSWORD = "walnut-ember-quarry-71"
USER_PASSWORD = "copper-lantern-orbit-28"


class ShiftedClock(DatabaseClock):
    """The database's clock, moved forward by the test instead of waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def now(self) -> Any:
        from datetime import timedelta

        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def advance(self, seconds: float) -> None:
        """Let this much time pass at once."""
        self.ahead += seconds


@dataclass
class Answer:
    """A response read to the end."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any

    @property
    def error(self) -> str | None:
        """The stable code of a problem."""
        return self.body.get("error") if isinstance(self.body, dict) else None


class Caller:
    """Requests with one credential, or with none."""

    def __init__(self, session: aiohttp.ClientSession, headers: Mapping[str, str]) -> None:
        self._session = session
        self.headers = dict(headers)

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """One request; `path` is under /api/v1 unless it starts with another root."""
        root = path.startswith(
            ("/healthz", "/readyz", "/.well-known", "/openapi", "/docs", "/api/")
        )
        return await self.raw(method, path if root else f"/api/v1{path}", **options)

    async def raw(self, method: str, address: str | URL, **options: Any) -> Answer:
        """One request to an address that is taken as it is."""
        headers = self.headers | dict(options.pop("headers", {}))
        async with self._session.request(method, address, headers=headers, **options) as response:
            text = await response.text(errors="replace")
            body = (
                await response.json(content_type=None) if "json" in response.content_type else None
            )
            return Answer(response.status, response.headers, text, body)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.request("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        if json is not None:
            options["json"] = json
        return await self.request("POST", path, **options)

    async def put(self, path: str, json: Any, **options: Any) -> Answer:
        return await self.request("PUT", path, json=json, **options)

    async def patch(self, path: str, json: Any, **options: Any) -> Answer:
        return await self.request("PATCH", path, json=json, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self.request("DELETE", path, **options)


class Live:
    """The server and those who call it."""

    def __init__(self, url: str, session: aiohttp.ClientSession, runtime: Runtime) -> None:
        self.url = url
        self.runtime = runtime
        self._session = session
        self.anonymous = Caller(session, {})

    def calling_with(self, headers: Mapping[str, str]) -> Caller:
        """Calls with these headers."""
        return Caller(self._session, headers)

    def with_token(self, token: str) -> Caller:
        """Calls with an access token, or with an API key as bearer."""
        return Caller(self._session, {"Authorization": f"Bearer {token}"})

    def with_key(self, key: str) -> Caller:
        """Calls with an API key in its own header."""
        return Caller(self._session, {"X-API-Key": key})

    async def sign_in(self, username: str, password: str = USER_PASSWORD) -> Caller:
        """Calls as someone who just signed in."""
        answer = await self.anonymous.post(
            "/auth/login", {"username": username, "password": password}
        )
        assert answer.status == 200, answer.text
        return self.with_token(answer.body["token"])

    async def admin(self) -> Caller:
        """The super_admin of the first start, signed in."""
        return await self.sign_in("admin", ADMIN_PASSWORD)

    async def make_user(self, username: str, role: str = "user", **fields: Any) -> dict[str, Any]:
        """A user with USER_PASSWORD, made by the super_admin; its record."""
        body = {"username": username, "password": USER_PASSWORD, "role": role, **fields}
        answer = await (await self.admin()).post("/users", body)
        assert answer.status == 201, answer.text
        return dict(answer.body)

    async def make_key(self, caller: Caller, **fields: Any) -> tuple[str, dict[str, Any]]:
        """A key made by `caller`; its text and record."""
        answer = await caller.post("/api-keys", fields)
        assert answer.status == 201, answer.text
        return answer.body["key"], dict(answer.body)


async def beside(folder: Path, statement: str, *values: Any) -> None:
    """Run a statement on a live server's database, as another process would.

    Not on the server's loop, which may hold the lock that this waits for.
    """
    await asyncio.to_thread(database_in(folder).run, statement, *values)


@asynccontextmanager
async def live_server(
    folder: Path,
    *,
    environ: Mapping[str, str | None] | None = None,
    clock: DatabaseClock | None = None,
    routes: Sequence[Route] = (),
    config: Path | None = None,
    database: Database | None = None,
    outgoing: AbstractAsyncContextManager[Outgoing] | None = None,
) -> AsyncIterator[Live]:
    """A server on a free port with the database of `folder`, closed at the end.

    A variable that `environ` gives as None is not set. It asks other servers by `outgoing`.
    """
    database = database or database_in(folder)
    database.claim(migrated=True)
    given = {
        **database.environ,
        "AGENTBOX_ADMIN_PASSWORD": ADMIN_PASSWORD,
        **(environ or {}),
    }
    settings = {name: value for name, value in given.items() if value is not None}
    assembly = assemble(config, settings, {})
    async with open_runtime(
        assembly, serving=True, clock=clock, outgoing=outgoing or OutgoingHttp.opened()
    ) as runtime:
        server = Server(runtime, [*route_table(runtime), *routes], host="127.0.0.1", port=0)
        address = await server.start()
        try:
            async with aiohttp.ClientSession(address.url) as session:
                yield Live(address.url, session, runtime)
        finally:
            await server.stop()
