"""The same rule at one instant on several replicas: it holds as on one."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from tests.live import USER_PASSWORD
from tests.replicas.cluster import Replica
from tests.replicas.conftest import Shared
from tests.scale import SCALE, scaled

PARALLEL = 50


async def make(replica: Replica, role: str) -> dict[str, Any]:
    """A new user, who can sign in with USER_PASSWORD."""
    body = {"username": f"r-{os.urandom(6).hex()}", "password": USER_PASSWORD, "role": role}
    answer = await (await replica.admin()).post("/users", body)
    assert answer.status == 201, answer.text
    return dict(answer.body)


# ST-07
async def test_of_many_who_make_one_name_at_two_replicas_one_does(
    replicas: list[Replica],
) -> None:
    admins = [await one.admin() for one in replicas[:2]]
    for _ in range(scaled(2)):
        body = {"username": f"same-{os.urandom(6).hex()}"}
        answers = await asyncio.gather(
            *(admins[number % 2].post("/users", body) for number in range(PARALLEL))
        )

        assert sorted(answer.status for answer in answers) == [201] + [409] * (PARALLEL - 1)


# RT-03: at scale 1 there are 20 at once in 3 rounds, at scale 10 there are 110 in 30
async def test_of_many_refreshes_at_two_replicas_one_lineage_goes_on(
    replicas: list[Replica],
) -> None:
    user = await make(replicas[0], "user")
    token = (await replicas[0].login(user["username"]))["refresh_token"]
    for _ in range(scaled(3)):
        answers = await asyncio.gather(
            *(replicas[number % 2].refresh(token) for number in range(10 + 10 * SCALE))
        )
        # They wait for each other; those for whom that takes too long are told to come again.
        assert {answer.status for answer in answers} <= {200, 503}
        successors = {a.body["refresh_token"] for a in answers if a.status == 200}
        living = [
            answer
            for number, each in enumerate(sorted(successors))
            if (answer := await replicas[number % 3].refresh(each)).status == 200
        ]

        assert len(living) == 1
        token = living[0].body["refresh_token"]


# AZ-05
async def test_two_who_demote_each_other_at_two_replicas_leave_one(
    replicas: list[Replica], shared: Shared
) -> None:
    one = await make(replicas[0], "super_admin")
    first = await replicas[0].admin()
    two = {"id": (await first.get("/auth/me")).body["id"]}
    pair = (await replicas[0].sign_in(one["username"]), await replicas[1].admin())
    try:
        for _ in range(scaled(5)):
            paths = (f"/users/{two['id']}", f"/users/{one['id']}")
            answers = await asyncio.gather(
                *(
                    caller.patch(path, {"role": "user"})
                    for caller, path in zip(pair, paths, strict=True)
                )
            )

            assert sorted(answer.status for answer in answers) == [200, 403]
            assert {answer.error for answer in answers} == {None, "insufficient_role"}
            winner = 0 if answers[0].status == 200 else 1
            left = await pair[winner].get("/users?role=super_admin&status=active")
            assert [user["id"] for user in left.body["users"]] == [(one, two)[winner]["id"]]
            back = await pair[winner].patch(paths[winner], {"role": "super_admin"})
            assert back.status == 200
    finally:
        shared.postgres.run(
            f"UPDATE users SET role = 'super_admin' WHERE id = '{two['id']}'",
            f"UPDATE users SET role = 'user' WHERE id = '{one['id']}'",
            "NOTIFY agentbox_changes, 'anything'",
            database=shared.database,
        )


# AZ-09
async def test_of_two_owners_who_leave_at_two_replicas_one_is_left(
    replicas: list[Replica],
) -> None:
    users = [await make(one, "user") for one in replicas[:2]]
    pair = [
        await one.sign_in(user["username"]) for one, user in zip(replicas[:2], users, strict=True)
    ]
    for _ in range(scaled(5)):
        made = await pair[0].post("/environments", {"name": f"e-{os.urandom(6).hex()}"})
        assert made.status == 201, made.text
        path = f"/environments/{made.body['id']}/permissions"
        shared = await pair[0].post(path, {"user_id": users[1]["id"], "permission": "owner"})
        assert shared.status == 201, shared.text
        answers = await asyncio.gather(
            *(
                caller.delete(f"{path}/{user['id']}")
                for caller, user in zip(pair, users, strict=True)
            )
        )

        assert sorted(answer.status for answer in answers) == [204, 409]


def privileged(number: int, target: str) -> list[tuple[str, str, Any]]:
    """What an admin may do, and somebody else may not."""
    return [
        ("POST", "/users", {"username": f"w-{os.urandom(6).hex()}"}),
        ("PATCH", target, {"role": ("viewer", "user")[number % 2]}),
        ("PUT", target, {"email": f"e{number}-{os.urandom(3).hex()}@example.com"}),
        ("POST", f"{target}/{('disable', 'enable')[number % 2]}", None),
        ("DELETE", f"{target}/sessions", None),
    ]


# AZ-10
async def test_nothing_is_written_after_the_demotion_of_who_writes_it_on_another_replica(
    replicas: list[Replica], shared: Shared
) -> None:
    actor, target = await make(replicas[0], "admin"), await make(replicas[0], "user")
    root = await replicas[0].admin()
    sessions = [await one.sign_in(actor["username"]) for one in replicas]
    made = refused = 0
    for number in range(scaled(6)):
        writes = [
            sessions[at % 3].request(method, path, **({} if body is None else {"json": body}))
            for at, (method, path, body) in enumerate(privileged(number, f"/users/{target['id']}"))
        ]
        at = number % (len(writes) + 1)  # asked for first, last, in between
        demotion = root.patch(f"/users/{actor['id']}", {"role": "user"})
        answers = await asyncio.gather(*writes[:at], demotion, *writes[at:])

        assert answers.pop(at).status == 200
        assert {(a.status, a.error) for a in answers if a.status >= 400} <= {
            (403, "insufficient_role")
        }
        made += sum(answer.status < 400 for answer in answers)
        refused += sum(answer.status == 403 for answer in answers)
        assert (await root.patch(f"/users/{actor['id']}", {"role": "admin"})).status == 200

    assert (made > 0, refused > 0) == (True, True)  # otherwise nothing was proved
    assert after_demotions(shared, actor["id"]) == []


def after_demotions(shared: Shared, actor: str) -> list[str]:
    """What the actor changed while it was no admin, by the numbers of the audit's rows."""
    rows = shared.postgres.run(
        "SELECT event, actor, target, details::json ->> 'role' FROM audit ORDER BY seq",
        database=shared.database,
    )
    mine, is_admin, wrong, changes = f"user:{actor}", True, [], 0
    for event, who, target, role in rows:
        if target == mine and role is not None:
            is_admin, changes = role == "admin", changes + 1
        elif who == mine and event.startswith("user.") and not is_admin:
            wrong.append(event)
    assert changes >= 2 * scaled(6)  # each demotion, each promotion
    return wrong
