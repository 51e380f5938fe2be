"""Many writers at once: all are served, and one name is given once."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.e2e.people import People
from tests.live import Live
from tests.scale import scaled

WRITERS = 50


async def test_as_many_users_as_were_asked_for_are_made(people: People) -> None:
    # ST-03
    caller = people.first.caller
    for round_number in range(scaled(1)):
        answers = await asyncio.gather(
            *(
                caller.post("/users", {"username": f"r{round_number}-{number}"})
                for number in range(WRITERS)
            )
        )
        assert Counter(answer.status for answer in answers) == {201: WRITERS}
        assert len({answer.body["id"] for answer in answers}) == WRITERS

    listed = (await caller.get("/users?search=r0-")).body
    assert listed["total"] == WRITERS


async def test_one_name_is_given_once(people: People) -> None:
    # ST-07
    caller = people.first.caller
    for round_number in range(scaled(2)):
        names = [f"Name{round_number}", f"name{round_number}", f"NAME{round_number}"]
        answers = await asyncio.gather(
            *(caller.post("/users", {"username": names[n % 3]}) for n in range(WRITERS))
        )
        assert Counter((answer.status, answer.error) for answer in answers) == {
            (201, None): 1,
            (409, "conflict"): WRITERS - 1,
        }
        assert (await caller.get(f"/users?search=name{round_number}")).body["total"] == 1


async def test_one_address_is_given_once(people: People) -> None:
    # ST-07
    caller = people.first.caller
    answers = await asyncio.gather(
        *(
            caller.post("/users", {"username": f"u{number}", "email": "same@example.com"})
            for number in range(WRITERS)
        )
    )

    assert Counter(answer.status for answer in answers) == {201: 1, 409: WRITERS - 1}


async def test_keys_made_at_once_are_all_different_and_all_work(live: Live, people: People) -> None:
    # AK-01
    made = await asyncio.gather(*(people.user.key() for _ in range(WRITERS)))

    assert len(set(made)) == WRITERS
    used = await asyncio.gather(*(live.with_key(key).get("/auth/me") for key in made))
    assert {answer.status for answer in used} == {200}


async def test_reads_go_on_while_many_write(people: People) -> None:
    # ST-03
    caller = people.first.caller
    writes = [caller.post("/users", {"username": f"w{number}"}) for number in range(WRITERS)]
    reads = [people.user.caller.get("/auth/me") for _ in range(WRITERS)]

    answers = await asyncio.gather(*writes, *reads)

    assert Counter(answer.status for answer in answers) == {201: WRITERS, 200: WRITERS}


async def test_a_key_revoked_while_it_is_used_stays_revoked(live: Live, people: People) -> None:
    # AK-05
    text, record = await live.make_key(people.user.caller)
    key = live.with_key(text)

    async def use() -> list[int]:
        statuses = [(await key.get("/auth/me")).status for _ in range(10)]
        await live.runtime.last_used.flush()
        return statuses

    revoked, used = await asyncio.gather(
        people.user.caller.delete(f"/api-keys/{record['id']}"),
        asyncio.gather(*(use() for _ in range(5))),
    )

    assert revoked.status == 204
    assert {status for statuses in used for status in statuses} <= {200, 401}
    assert (await key.get("/auth/me")).status == 401
    await live.runtime.last_used.flush()
    assert "revoked_at" in (await people.user.caller.get(f"/api-keys/{record['id']}")).body
