"""A server with providers, and what a sign-in there left behind."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tests.e2e.audit.reading import listed
from tests.live import Answer, Caller, Live, ShiftedClock, live_server
from tests.openid.browser import Browser, Visits
from tests.openid.fake_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider

RETURN_TO = "https://app.example.org/signed-in"

COUNTED = ("users", "identities", "sessions")


class Outcome(NamedTuple):
    """How a sign-in ended: its answer, and the one row of the audit that says why."""

    status: int
    error: str | None
    reason: str


def configuration(folder: Path, *providers: FakeProvider, **options: Any) -> Path:
    """A file that names the providers, each with the same `options`."""
    lines = [
        f'[server]\nreturn_to = ["{RETURN_TO}"]',
        '[plugins]\nenabled = ["sqlite", "password", "jwt", "apikey", "oidc"]',
    ]
    for provider in providers:
        given = {
            "issuer": provider.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "insecure_http": True,
            "auto_provision": True,
            **options,
        }
        lines.append(f"[plugins.oidc.providers.{provider.id}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    path = folder / "settings.toml"
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return path


class Scene:
    """The server, its providers, and the super_admin who reads the audit."""

    def __init__(
        self,
        live: Live,
        admin: Caller,
        folder: Path,
        clock: ShiftedClock,
        provider: FakeProvider,
        visits: Visits = aiohttp.ClientSession,
    ) -> None:
        self.live = live
        self.admin = admin
        self.folder = folder
        self.clock = clock
        self.provider = provider
        self._visits = visits

    def browser(self) -> Browser:
        """One that nobody has signed in with."""
        return Browser(self.live.anonymous, self._visits)

    def advance(self, seconds: float) -> None:
        """Let time pass, here and at the provider."""
        self.clock.advance(seconds)
        self.provider.ahead += seconds

    async def sign_in(self) -> Answer:
        """With a browser of its own."""
        return await self.browser().sign_in(self.provider.id)

    async def refusals(self) -> list[str]:
        """Reasons of all refused logins, the oldest first, each as often as it came."""
        rows = await listed(self.live, self.admin, event="login.refuse", limit=1000)
        return [
            row["details"]["reason"]
            for row in reversed(rows)
            for _ in range(row["details"].get("count", 1))
        ]

    async def outcome(self, answer: Answer, before: int) -> Outcome:
        """Of a sign-in that was refused, where `before` were refused earlier."""
        (reason,) = (await self.refusals())[before:]
        return Outcome(answer.status, answer.error, reason)

    async def rows(self) -> Mapping[str, int]:
        """How many users, identities and sessions there are."""

        def count() -> dict[str, int]:
            with closing(sqlite3.connect(self.folder / "agentbox.db")) as connection:
                return {
                    table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                    for table in COUNTED
                }

        return await asyncio.to_thread(count)


@asynccontextmanager
async def scene_at(
    folder: Path, clock: ShiftedClock, *providers: FakeProvider, **options: Any
) -> AsyncIterator[Scene]:
    """A server on the database in `folder` with these providers."""
    config = configuration(folder, *providers, **options)
    async with live_server(folder, config=config, clock=clock) as live:
        yield Scene(live, await live.admin(), folder, clock, providers[0])
