"""Changes of rights at one instant: one super_admin is left, and nobody acts after a demotion."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from agentbox.model.audit import AuditEvent
from tests.e2e.people import People, Person
from tests.live import Answer, Caller, Live
from tests.scale import scaled

SUPER_ADMINS = "/users?role=super_admin&status=active"
SCOPES = ["users:read", "users:write", "users:credentials", "roles:write"]


async def only(people: People, *names: str) -> list[Person]:
    """Those alone are super_admins, besides whoever has to be."""
    kept = [people[name] for name in names]
    for name in ("first", "super_admin", "other_super_admin"):
        if name not in names:
            answer = await kept[0].caller.patch(people[name].path, {"role": "user"})
            assert answer.status == 200
    return kept


async def left(caller: Caller) -> list[str]:
    answer = await caller.get(SUPER_ADMINS)
    assert answer.status == 200, answer.text
    return [user["id"] for user in answer.body["users"]]


async def test_two_super_admins_who_demote_each_other_leave_one(people: People) -> None:
    # AZ-05
    pair = await only(people, "first", "super_admin")
    one, two = pair
    for _ in range(scaled(20)):
        answers = await asyncio.gather(
            one.caller.patch(two.path, {"role": "user"}),
            two.caller.patch(one.path, {"role": "user"}),
        )

        assert sorted(answer.status for answer in answers) == [200, 403]
        assert {answer.error for answer in answers} == {None, "insufficient_role"}
        winner, loser = pair if answers[0].status == 200 else pair[::-1]
        assert await left(winner.caller) == [winner.id]
        assert (await loser.caller.get(SUPER_ADMINS)).error == "insufficient_role"
        assert (await winner.caller.patch(loser.path, {"role": "super_admin"})).status == 200


async def test_two_super_admins_who_switch_each_other_off_leave_one(
    live: Live, people: People
) -> None:
    # AZ-05
    one, two = await only(people, "super_admin", "other_super_admin")
    callers = {one.id: one.caller, two.id: two.caller}
    bystander = people.user.id
    for _ in range(scaled(20)):
        bodies = [
            {"ids": [bystander, two.id], "action": "disable"},
            {"ids": [one.id, bystander], "action": "disable"},
        ]
        answers = await asyncio.gather(
            callers[one.id].post("/users/bulk", bodies[0]),
            callers[two.id].post("/users/bulk", bodies[1]),
        )

        # Whoever comes second is gone by then.
        assert sorted(answer.status for answer in answers) == [200, 401]
        first = answers[0].status == 200
        winner, loser = (one, two) if first else (two, one)
        results = answers[0 if first else 1].body["results"]
        assert {each["id"]: each["ok"] for each in results} == {bystander: True, loser.id: True}
        assert await left(callers[winner.id]) == [winner.id]
        back = {"ids": [bystander, loser.id], "action": "enable"}
        assert (await callers[winner.id].post("/users/bulk", back)).status == 200
        callers[loser.id] = await live.sign_in(loser.username)


async def test_three_who_remove_each_other_in_a_ring_leave_one_at_least(people: People) -> None:
    # AZ-05
    ring = await only(people, "first", "super_admin", "other_super_admin")
    for _ in range(scaled(20)):
        answers = await asyncio.gather(
            *(
                actor.caller.patch(target.path, {"role": "user"})
                for actor, target in zip(ring, ring[1:] + ring[:1], strict=True)
            )
        )
        statuses = [answer.status for answer in answers]
        there = [each for each in ring if (await each.caller.get(SUPER_ADMINS)).status == 200]

        assert len(there) == 3 - statuses.count(200) >= 1
        assert set(statuses) == {200, 403}
        for each in ring:
            if each not in there:
                body = {"role": "super_admin"}
                assert (await there[0].caller.patch(each.path, body)).status == 200


Write = Callable[[Caller, str, int], Awaitable[Answer]]

WRITES: list[Write] = [
    lambda caller, path, n: caller.post("/users", {"username": f"w{n}"}),
    lambda caller, path, n: caller.patch(path, {"username": f"r{n}"}),
    lambda caller, path, n: caller.put(path, {"email": f"e{n}@example.com"}),
    lambda caller, path, n: caller.patch(path, {"role": ("viewer", "user")[n % 2]}),
    lambda caller, path, n: caller.post(f"{path}/reset-password"),
    lambda caller, path, n: caller.post(f"{path}/unlock"),
    lambda caller, path, n: caller.delete(f"{path}/sessions"),
    lambda caller, path, n: caller.post(f"{path}/{('disable', 'enable')[n % 2]}"),
    lambda caller, path, n: caller.post(
        "/users/bulk", {"ids": [path.rpartition("/")[2]], "action": ("enable", "disable")[n % 2]}
    ),
]


async def test_no_write_commits_after_the_demotion_of_who_makes_it(
    live: Live, people: People
) -> None:
    # AZ-10
    actor, target = people.other_admin, people.other_user.path
    key = live.with_key(await actor.key(scopes=SCOPES))
    refused = made = 0
    for number in range(scaled(20)):
        demotion = people.first.caller.patch(actor.path, {"role": ("user", "viewer")[number % 2]})
        writes = [
            write((actor.caller, key)[(number + at) % 2], target, number)
            for at, write in enumerate(WRITES)
        ]
        at = number % (len(writes) + 1)  # the demotion is asked for first, last, in between
        answers = await asyncio.gather(*writes[:at], demotion, *writes[at:])
        rows = await since_the_promotion(live, actor)

        demoted = answers.pop(at)
        assert demoted.status == 200
        assert {(a.status, a.error) for a in answers if a.status >= 400} <= {
            (403, "insufficient_role")
        }
        places = [place for place, row in enumerate(rows) if is_demotion(row, actor)]
        written = [place for place, row in enumerate(rows) if acts(row, actor)]
        assert len(places) == 1
        assert [place for place in written if place > places[0]] == []
        made += len(written)
        refused += sum(answer.status == 403 for answer in answers)
        assert (await people.first.caller.patch(actor.path, {"role": "admin"})).status == 200

    assert made > 0  # otherwise nothing was proved
    assert refused > 0


async def since_the_promotion(live: Live, actor: Person) -> Sequence[AuditEvent]:
    """Rows since the actor became admin, oldest first, in the order in which they were written."""
    async with live.runtime.storage.transaction(read_only=True) as tx:
        rows = list(reversed(await tx.audit.last(100)))
    begins = [
        place
        for place, row in enumerate(rows)
        if row.target == f"user:{actor.id}" and row.details.get("role") == "admin"
    ]
    return rows[begins[-1] + 1 :] if begins else rows


def is_demotion(row: AuditEvent, actor: Person) -> bool:
    return row.target == f"user:{actor.id}" and row.details.get("role_before") == "admin"


def acts(row: AuditEvent, actor: Person) -> bool:
    """Whether the actor wrote it, in person or by a key; nobody else has a key here."""
    return row.actor == f"user:{actor.id}" or row.actor.startswith("api_key:")
