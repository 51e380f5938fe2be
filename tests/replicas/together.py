"""Several whole servers in this process on one Postgres, where processes would add nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from agentbox.core.clock import DatabaseClock
from tests.live import Live, live_server
from tests.replicas.cluster import SECRET_KEY


def environ(dsn: str, more: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """What `live_server` is given for a replica."""
    return {
        "AGENTBOX_DB_PATH": None,
        "AGENTBOX_DB_DSN": dsn,
        "AGENTBOX_SECRET_KEY": SECRET_KEY,
        "AGENTBOX_PUBLIC_URL": "http://127.0.0.1:8080",
        **(more or {}),
    }


@asynccontextmanager
async def together(
    folder: Path,
    dsn: str,
    count: int = 2,
    *,
    clocks: Sequence[DatabaseClock] = (),
    more: Mapping[str, str] | None = None,
) -> AsyncIterator[list[Live]]:
    """So many servers on one database, each with a clock of its own."""
    clocks = clocks or [DatabaseClock() for _ in range(count)]
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                live_server(folder, environ=environ(dsn, more), clock=clock)
            )
            for clock in clocks
        ]
