"""A key that is in use all the time and is taken away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.e2e.people import People
from tests.live import Live, ShiftedClock
from tests.scale import scaled

USERS = 8

End = Callable[[Live, People, dict[str, Any], str], Awaitable[Any]]


async def by_owner(live: Live, people: People, record: dict[str, Any], text: str) -> None:
    assert (await people.user.caller.delete(f"/api-keys/{record['id']}")).status == 204


async def by_admin(live: Live, people: People, record: dict[str, Any], text: str) -> None:
    assert (await people.admin.caller.delete(f"/api-keys/{record['id']}")).status == 204


async def by_holder(live: Live, people: People, record: dict[str, Any], text: str) -> None:
    assert (await live.with_key(text).post("/api-keys/self/revoke")).status == 204


async def by_rotation(live: Live, people: People, record: dict[str, Any], text: str) -> None:
    path, body = f"/api-keys/{record['id']}/rotate", {"overlap_seconds": 0}
    assert (await people.user.caller.post(path, body)).status == 201


async def by_disabling_its_owner(
    live: Live, people: People, record: dict[str, Any], text: str
) -> None:
    body = {"status": "inactive"}
    assert (await people.admin.caller.patch(people.user.path, body)).status == 200


async def by_deleting_its_owner(
    live: Live, people: People, record: dict[str, Any], text: str
) -> None:
    assert (await people.admin.caller.delete(people.user.path)).status == 204


ENDS: list[End] = [
    by_owner,
    by_admin,
    by_holder,
    by_rotation,
    by_disabling_its_owner,
    by_deleting_its_owner,
]


class Steady:
    """Requests without a pause, and what those were answered that began after `over` was set."""

    def __init__(self, live: Live, text: str) -> None:
        self.key = live.with_key(text)
        self.live = live
        self.over = asyncio.Event()
        self.before: list[int] = []
        self.after: list[int] = []

    async def use(self) -> None:
        late = 0
        while late < 10:
            answers = self.after if self.over.is_set() else self.before
            late += self.over.is_set()
            answers.append((await self.key.get("/auth/me")).status)

    async def note(self) -> None:
        """Write last uses all the time, as a server does each second."""
        while not self.over.is_set():
            await self.live.runtime.last_used.flush()
        await self.live.runtime.last_used.flush()


# AK-05: revoked, disabled and deleted under load: 0 successes afterwards
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_after_the_end_of_a_key_in_use_no_request_succeeds(
    live: Live, people: People, end: End
) -> None:
    text, record = await live.make_key(people.user.caller)
    steady = Steady(live, text)
    users = [asyncio.create_task(steady.use()) for _ in range(USERS)]
    noting = asyncio.create_task(steady.note())
    while len(steady.before) < scaled(100):
        await asyncio.sleep(0)
    await end(live, people, record, text)
    steady.over.set()
    await asyncio.gather(noting, *users)

    assert set(steady.before) <= {200, 401}
    assert len(steady.after) == 10 * USERS
    assert set(steady.after) == {401}


# AK-05: a last use that is written at the same time brings nothing back
async def test_a_key_revoked_while_its_uses_are_written_stays_revoked(
    live: Live, people: People
) -> None:
    for _ in range(scaled(10)):
        text, record = await live.make_key(people.user.caller)
        await asyncio.gather(*(live.with_key(text).get("/auth/me") for _ in range(5)))
        await asyncio.gather(
            live.runtime.last_used.flush(),
            people.user.caller.delete(f"/api-keys/{record['id']}"),
            live.runtime.last_used.flush(),
        )
        await live.runtime.last_used.flush()

        shown = (await people.user.caller.get(f"/api-keys/{record['id']}")).body
        assert "revoked_at" in shown
        assert (await live.with_key(text).get("/auth/me")).status == 401


# AK-05: a change that is made at the same time brings nothing back either
async def test_a_key_revoked_while_it_is_changed_stays_revoked(live: Live, people: People) -> None:
    for turn in range(scaled(10)):
        _, record = await live.make_key(people.user.caller)
        path = f"/api-keys/{record['id']}"
        work = [
            people.user.caller.patch(path, {"name": f"turn {turn}"}),
            people.user.caller.delete(path),
            people.user.caller.post(f"{path}/rotate", {}),
        ]
        changed, revoked, rotated = await asyncio.gather(*work)

        assert revoked.status == 204
        assert changed.status in {200, 409}
        assert rotated.status in {201, 409}
        assert "revoked_at" in (await people.user.caller.get(path)).body


async def test_every_use_is_counted_once_whatever_is_written_meanwhile(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    text, record = await live.make_key(people.user.caller)
    steady = Steady(live, text)
    noting = asyncio.create_task(steady.note())
    await asyncio.gather(*(live.with_key(text).get("/auth/me") for _ in range(200)))
    steady.over.set()
    await noting
    usage = (await people.user.caller.get(f"/api-keys/{record['id']}/usage")).body["usage"]

    assert sum(point["count"] for point in usage) == 200
