"""Counts the statements that a route's own handler sends, the commit's task included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from msgspec.structs import replace

from agentbox.plugin.routes import Route, RouteRequest
from agentbox_postgres.connection import LOCK, PostgresConnection
from agentbox_sqlite.connection import SqliteConnection
from tests.backend import ON_POSTGRES

_SENT: ContextVar[list[str] | None] = ContextVar("sent", default=None)


class Statements:
    """What the last call of each route sent to the database."""

    def __init__(self) -> None:
        self.by_route: dict[str, list[str]] = {}

    def counted(self, route: Route) -> Route:
        """The route, with a handler whose statements are noted."""

        async def handle(request: RouteRequest[Any, Any]) -> Any:
            sent = self.by_route[f"{route.method} {route.path}"] = []
            token = _SENT.set(sent)
            try:
                return await route.handler(request)
            finally:
                _SENT.reset(token)

        return replace(route, handler=handle)


@contextmanager
def noting(patch: pytest.MonkeyPatch) -> Iterator[Statements]:
    """Every statement of a handler is noted; what the server does beside them is not."""
    kind: Any = PostgresConnection if ON_POSTGRES else SqliteConnection
    fetch, run_many = kind.fetch, kind.run_many

    def note(sql: str) -> None:
        sent = _SENT.get()
        # SQLite's writer is alone anyway, and sends nothing for a lock.
        if sent is not None and sql != LOCK:
            sent.append(sql)

    async def noted_fetch(self: Any, sql: str, *values: Any) -> Sequence[Any]:
        note(sql)
        return await fetch(self, sql, *values)

    async def noted_run_many(self: Any, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        note(sql)
        await run_many(self, sql, rows)

    with patch.context() as patched:
        patched.setattr(kind, "fetch", noted_fetch)
        patched.setattr(kind, "run_many", noted_run_many)
        yield Statements()
