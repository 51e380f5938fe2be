"""agentbox with the certified provider: its few lines of configuration, and what is asked of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.audit.reading import listed
from tests.live import Caller, Live, ShiftedClock, live_server
from tests.real_provider.provider import RealProvider
from tests.real_provider.visitor import Visitor

PASSWORDS = {"ada": "tin-harbour-violet-35", "bob": "moss-anvil-parade-64"}

PEOPLE = {
    "ada": {
        "password": PASSWORDS["ada"],
        "email": "ada@corp.test",
        "email_verified": True,
        "name": "Ada Lovelace",
        "preferred_username": "ada",
    },
    "bob": {
        "password": PASSWORDS["bob"],
        "email": "bob@corp.test",
        "email_verified": True,
        "name": "Bob Ross",
        "preferred_username": "bob",
    },
}

CALLBACK = "/api/v1/auth/certified/callback"


def write_configuration(
    folder: Path,
    provider: RealProvider,
    *,
    server: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """A file with these settings of the server, and the provider."""
    tables = {
        "server": server or {},
        "plugins": {"enabled": ["sqlite", "password", "jwt", "apikey", "oidc"]},
        f"plugins.oidc.providers.{provider.id}": {**provider.settings, **options},
    }
    lines = [
        line
        for table, settings in tables.items()
        for line in (
            f"[{table}]",
            *(f"{name} = {json.dumps(value)}" for name, value in settings.items()),
        )
    ]
    path = folder / "agentbox.toml"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines))
    return path


class Scene(NamedTuple):
    """A server in this process whose clock can be moved, and its super_admin."""

    live: Live
    admin: Caller
    clock: ShiftedClock
    provider: RealProvider

    def visitor(self, sub: str = "ada", **how: Any) -> Visitor:
        """One of the people with a browser of their own; close it."""
        return Visitor(self.live.anonymous, sub, PASSWORDS[sub], **how)

    async def refusals(self) -> Sequence[str]:
        """Reasons of all refused logins in the audit, the oldest first."""
        rows = await listed(self.live, self.admin, event="login.refuse", limit=1000)
        return [row["details"]["reason"] for row in reversed(rows)]


@asynccontextmanager
async def scene_at(folder: Path, provider: RealProvider, **options: Any) -> AsyncIterator[Scene]:
    """A server on the database in `folder`."""
    clock = ShiftedClock()
    config = write_configuration(folder, provider, **options)
    async with live_server(folder, config=config, clock=clock) as live:
        yield Scene(live, await live.admin(), clock, provider)
