"""What changes about someone is seen by their very next request, not when the token runs out."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.people import People
from tests.live import USER_PASSWORD, Caller, Live, ShiftedClock


@pytest.fixture
async def known(people: People) -> Caller:
    """Somebody's token, already verified and remembered by the server."""
    for _ in range(3):
        assert (await people.other_admin.caller.get("/users")).status == 200
    return people.other_admin.caller


async def test_a_role(people: People, known: Caller) -> None:
    # JWT-11
    path = people.other_admin.path

    await people.first.caller.patch(path, {"role": "user"})
    demoted = await known.get("/users")
    await people.first.caller.patch(path, {"role": "super_admin"})
    promoted = await known.get("/auth/me")

    assert (demoted.status, demoted.error) == (403, "insufficient_role")
    assert promoted.body["role"] == "super_admin"
    assert "system:write" in promoted.body["auth"]["scopes"]


@pytest.mark.parametrize("status", ["inactive", "suspended"])
async def test_a_status_and_the_session_stays_ended(
    people: People, known: Caller, status: str
) -> None:
    # JWT-11
    path = people.other_admin.path

    await people.first.caller.patch(path, {"status": status})
    ended = await known.get("/auth/me")
    await people.first.caller.patch(path, {"status": "active"})

    assert (ended.status, ended.error) == (401, "invalid_token")
    assert (await known.get("/auth/me")).status == 401


async def test_a_deletion(people: People, known: Caller) -> None:
    # JWT-11
    await people.first.caller.delete(people.other_admin.path)

    assert (await known.get("/auth/me")).status == 401


async def test_a_logout(people: People, known: Caller) -> None:
    # JWT-11
    await known.post("/auth/logout")

    assert (await known.get("/auth/me")).status == 401


async def test_a_password_that_an_admin_sets(people: People, known: Caller) -> None:
    # JWT-11
    body = {"password": "granite-violet-harbour-93"}
    await people.first.caller.put(people.other_admin.path, body)

    assert (await known.get("/auth/me")).status == 401


async def test_a_password_changed_in_another_session(
    live: Live, people: People, known: Caller
) -> None:
    # JWT-11
    other = await live.sign_in(people.other_admin.username)
    body = {"current_password": USER_PASSWORD, "new_password": "granite-violet-harbour-93"}
    await other.post("/auth/change-password", body)

    assert (await known.get("/auth/me")).status == 401


async def test_a_name_and_an_address(people: People, known: Caller) -> None:
    fields = {"username": "Renamed", "email": "renamed@example.com"}
    await people.first.caller.patch(people.other_admin.path, fields)

    me = (await known.get("/auth/me")).body

    assert {name: me[name] for name in fields} == fields


async def test_the_end_of_a_token(people: People, clock: ShiftedClock) -> None:
    known = await people.other_admin.anew()
    clock.advance(14 * 60)
    assert (await known.get("/auth/me")).status == 200

    clock.advance(2 * 60)
    answer = await known.get("/auth/me")

    assert (answer.status, answer.error) == (401, "invalid_token")


async def test_the_actor_of_a_change_is_as_it_is_when_the_change_is_made(
    live: Live, people: People
) -> None:
    # AZ-10
    actor, path = people.other_admin, people.other_admin.path
    demotion = people.first.caller.patch(path, {"role": "viewer"})
    writes = [actor.caller.post("/users", {"username": f"w{number}"}) for number in range(10)]
    answers = await asyncio.gather(demotion, *writes)

    made = [answer for answer in answers[1:] if answer.status == 201]
    refused = {(a.status, a.error) for a in answers[1:] if a.status != 201}
    assert refused <= {(403, "insufficient_role")}
    demoted_at = answers[0].body["updated_at"]
    assert all(answer.body["created_at"] <= demoted_at for answer in made)
    assert (await actor.caller.post("/users", {"username": "late"})).status == 403
