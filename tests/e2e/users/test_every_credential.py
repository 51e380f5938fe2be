"""A change about somebody counts for their very next request, whichever credential it comes with.

The clock stands where it stands: nothing here waits for anything to run out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.people import People, Person
from tests.live import Answer, Caller, Live, ShiftedClock, beside

SCOPES = ["self:read", "users:read", "users:write", "users:credentials"]
OK, GONE, ROLE = (200, None), (401, "invalid_token"), (403, "insufficient_role")


class Case(NamedTuple):
    """A change made by the first super_admin, and what the next GET /users answers after it."""

    method: str
    path: str
    body: Any
    session: tuple[int, str | None]
    key: tuple[int, str | None]


CASES = {
    "demoted to user": Case("PATCH", "", {"role": "user"}, ROLE, ROLE),
    "demoted to viewer": Case("PUT", "", {"role": "viewer"}, ROLE, ROLE),
    "promoted": Case("PATCH", "", {"role": "super_admin"}, OK, OK),
    "disabled": Case("POST", "/disable", None, GONE, GONE),
    "disabled by an edit": Case("PATCH", "", {"status": "inactive"}, GONE, GONE),
    "suspended": Case("PUT", "", {"status": "suspended"}, GONE, GONE),
    "given a password": Case("PUT", "", {"password": "granite-violet-harbour-93"}, GONE, OK),
    "reset": Case("POST", "/reset-password", None, GONE, OK),
    "signed out": Case("DELETE", "/sessions", None, GONE, OK),
    "deleted": Case("DELETE", "", None, GONE, GONE),
    "renamed": Case("PATCH", "", {"username": "renamed"}, OK, OK),
    "unlocked": Case("POST", "/unlock", None, OK, OK),
}


class Known(NamedTuple):
    """Somebody's credentials, used so often that the server knows them by heart."""

    person: Person
    session: Caller
    second: Caller
    keys: tuple[Caller, Caller]

    @property
    def all(self) -> tuple[Caller, ...]:
        return (self.session, self.second, *self.keys)


@pytest.fixture
async def known(live: Live, people: People) -> Known:
    person = people.other_admin
    keys = [await person.key(scopes=SCOPES) for _ in range(2)]
    second = await live.sign_in(person.username)
    found = Known(person, person.caller, second, (live.with_key(keys[0]), live.with_token(keys[1])))
    for caller in found.all * 3:
        assert (await caller.get("/users")).status == 200
    return found


def said(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.error


async def change(people: People, known: Known, case: Case) -> None:
    options = {} if case.body is None else {"json": case.body}
    path = known.person.path + case.path
    answer = await people.first.caller.request(case.method, path, **options)
    assert answer.status < 300, answer.text


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_next_request_sees_it(
    people: People, known: Known, clock: ShiftedClock, case: Case
) -> None:
    # JWT-11
    await change(people, known, case)
    found = [said(await caller.get("/users")) for caller in known.all]

    assert found == [case.session, case.session, case.key, case.key]
    assert clock.ahead == 0


@pytest.mark.parametrize("name", ["demoted to user", "disabled", "deleted", "reset", "promoted"])
async def test_no_request_that_begins_afterwards_sees_the_old_state_while_many_go_on(
    people: People, known: Known, name: str
) -> None:
    # JWT-11
    case = CASES[name]
    async with asking(known) as asked:
        while len(asked) < 40:
            await asyncio.sleep(0)
        await change(people, known, case)
        from_now_on = len(asked)
        while len(asked) < from_now_on + 80:
            await asyncio.sleep(0)

    expected = {True: case.session, False: case.key}
    later = [each for each in asked[from_now_on:] if each.done]
    stale = [each for each in later if each.answer != expected[each.is_session]]
    assert len(later) >= 40
    assert stale == []


class Asked:
    """One request: which credential, and what it was told."""

    def __init__(self, is_session: bool) -> None:
        self.is_session = is_session
        self.answer: tuple[int, str | None] = (0, None)

    @property
    def done(self) -> bool:
        return self.answer[0] != 0


@asynccontextmanager
async def asking(known: Known) -> AsyncIterator[list[Asked]]:
    """Requests without end on every credential, in the order in which they begin."""
    asked: list[Asked] = []

    async def ask(caller: Caller, is_session: bool) -> None:
        while True:
            mine = Asked(is_session)
            asked.append(mine)
            mine.answer = said(await caller.get("/users"))

    tasks = [
        asyncio.create_task(ask(caller, caller in (known.session, known.second)))
        for caller in known.all
    ]
    try:
        yield asked
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_keys_work_again_after_enable_and_sessions_stay_ended(
    people: People, known: Known
) -> None:
    # JWT-11
    path = known.person.path
    for _ in range(3):
        await people.first.caller.post(f"{path}/disable")
        assert [said(await caller.get("/users")) for caller in known.all] == [GONE] * 4
        await people.first.caller.post(f"{path}/enable")
        assert [said(await caller.get("/users")) for caller in known.all] == [GONE, GONE, OK, OK]


async def test_a_demotion_narrows_and_a_promotion_gives_back(people: People, known: Known) -> None:
    # JWT-11
    path = known.person.path
    for role, expected in (("user", ROLE), ("admin", OK), ("viewer", ROLE), ("super_admin", OK)):
        await people.first.caller.patch(path, {"role": role})
        assert [said(await caller.get("/users")) for caller in known.all] == [expected] * 4


PAST_THE_SERVER = {
    "disabled": "UPDATE users SET status = 'inactive' WHERE id = ?",
    "demoted to user": "UPDATE users SET role = 'user' WHERE id = ?",
}


@pytest.mark.parametrize("name", PAST_THE_SERVER)
async def test_what_is_written_past_the_server_counts_once_its_memory_is_half_a_second_old(
    tmp_path: Path, known: Known, clock: ShiftedClock, name: str
) -> None:
    # JWT-11: even if no notice of the change ever comes
    await beside(tmp_path, PAST_THE_SERVER[name], known.person.id)
    clock.advance(0.5)

    case = CASES[name]
    found = [said(await caller.get("/users")) for caller in known.all]
    assert found == [case.session, case.session, case.key, case.key]
