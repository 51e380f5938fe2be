"""Requests that go on all the time, and what has to be true of every one of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.live import Answer, Caller, Live
from tests.outages.servers import at_one_moment, until

GOOD = {"read": 200, "write": 201, "revoked": 401, "nobody": 401, "alive": 200}
"""What each kind of request is answered when nothing is wrong."""

SAFE = {"nobody", "alive"}
"""Kinds that never depend on the database."""

LIMIT = 2.0
"""Seconds in which each request is answered, whatever becomes of the database."""

EXCUSE = 1.0
"""Seconds at most that a request may take longer because this whole process stood still."""


class Call(NamedTuple):
    """One request and its answer; times are of a monotonic clock."""

    kind: str
    status: int
    error: str | None
    retry_after: str | None
    begun: float
    ended: float


class Load:
    """Callers of each kind, a few requests a moment each."""

    def __init__(self, live: Live, admin: Caller, revoked: Caller) -> None:
        self.calls: list[Call] = []
        self.acknowledged: list[str] = []
        self._live = live
        self._admin = admin
        self._revoked = revoked
        self._numbers = itertools.count()
        self._stalls: list[tuple[float, float]] = []

    async def until_all_is_well(self, within: float = 10.0) -> float:
        """Wait until every kind gets its good answer to a request that begins now; the seconds."""
        return await self._until_answered(GOOD.items(), within)

    async def until_refused(self, *kinds: str, within: float = 10.0) -> float:
        """Wait until such requests that begin now are answered 503; the seconds."""
        return await self._until_answered([(kind, 503) for kind in kinds], within)

    async def _until_answered(self, wanted: Iterable[tuple[str, int]], within: float) -> float:
        now, first, wanted = time.monotonic(), len(self.calls), set(wanted)

        def seen() -> bool:
            return wanted <= {
                (call.kind, call.status) for call in self.calls[first:] if call.begun >= now
            }

        return await until(seen, within)

    def assert_sound(self) -> None:
        """Every request was answered in time, and none better than it should have been."""
        for call in self.calls:
            allowed = {GOOD[call.kind]} | (set() if call.kind in SAFE else {503})
            assert call.status in allowed, call
            assert call.status != 503 or call.retry_after is not None, call
            assert call.ended - call.begun - self._stalled(call) < LIMIT, call

    def assert_kept(self, dsn: str) -> None:
        """Nothing that was acknowledged is lost, and nothing is there by halves."""
        with at_one_moment(dsn) as connection:
            users = dict(connection.execute("SELECT id, username FROM users").fetchall())
            rows = connection.execute(
                "SELECT target FROM audit WHERE event = 'user.create'"
            ).fetchall()
        assert set(self.acknowledged) <= set(users.values())
        assert sorted(target for (target,) in rows) == sorted(f"user:{id_}" for id_ in users)

    async def run(self, callers: int) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            for kind in itertools.islice(itertools.cycle(GOOD), callers):
                group.create_task(self._keep_asking(kind))

    async def _keep_asking(self, kind: str) -> None:
        while True:
            begun = time.monotonic()
            answer = await self._ask(kind)
            retry_after = answer.headers.get("Retry-After")
            ended = time.monotonic()
            self.calls.append(Call(kind, answer.status, answer.error, retry_after, begun, ended))
            await asyncio.sleep(0.01)  # else nothing else on this machine would go on

    async def _ask(self, kind: str) -> Answer:
        match kind:
            case "read":
                return await self._admin.get("/auth/me")
            case "revoked":
                return await self._revoked.get("/auth/me")
            case "nobody":
                return await self._live.anonymous.get("/users")
            case "alive":
                return await self._live.anonymous.get("/healthz")
        name = f"load-{next(self._numbers)}"
        answer = await self._admin.post("/users", {"username": name})
        if answer.status == 201:
            self.acknowledged.append(name)
        return answer

    async def _watch(self) -> None:
        """Note when this process stands still: that is nobody's patience."""
        while True:
            due = time.monotonic() + 0.02
            await asyncio.sleep(0.02)
            self._stalls.append((time.monotonic(), time.monotonic() - due))

    def _stalled(self, call: Call) -> float:
        late = (seconds for at, seconds in self._stalls if call.begun <= at <= call.ended)
        return min(sum(late), EXCUSE)


@asynccontextmanager
async def loaded(live: Live, *, callers: int = 10) -> AsyncIterator[Load]:
    """A server under load, all well, until the end of the block; then every answer is judged."""
    admin = await live.admin()
    text, record = await live.make_key(admin)
    revoked = await admin.delete(f"/api-keys/{record['id']}")
    assert revoked.status == 204
    load = Load(live, admin, live.with_key(text))
    running = asyncio.create_task(load.run(callers))
    try:
        await load.until_all_is_well()
        yield load
    finally:
        running.cancel()
        await asyncio.wait({running})
    load.assert_sound()
