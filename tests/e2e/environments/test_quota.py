"""How many environments a user has, whichever way it came to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.environments.sandbox import path_of, register, share, shared
from tests.e2e.people import People, Person, Template
from tests.live import live_server

QUOTA = 2


@pytest.fixture
async def people(template: Template, tmp_path: Path) -> AsyncIterator[People]:
    """Everyone, at a server where a user may have two."""
    template.copy_to(tmp_path)
    environ = {"AGENTBOX_ENVIRONMENTS__QUOTA": str(QUOTA)}
    async with live_server(tmp_path, environ=environ) as live:
        yield People(live, template)


async def number_of(people: People, whose: Person) -> int:
    """How many have that user as theirs."""
    answer = await people.super_admin.caller.get(f"/environments?user_id={whose.id}")
    return int(answer.body["total"])


async def leave(owner: Person, environment: dict[str, object]) -> tuple[int, str | None]:
    """Give up one's own permission; what is told."""
    path = f"{path_of(environment)}/permissions/{owner.id}"
    answer = await owner.caller.delete(path)
    return answer.status, answer.error


async def test_two_users_have_no_more_by_handing_theirs_on_to_each_other(people: People) -> None:
    handed = [await shared(people.user, people.other_user, "owner") for _ in range(QUOTA)]
    assert [await leave(people.user, each) for each in handed] == [(204, None)] * QUOTA
    more = [await shared(people.user, people.other_user, "owner") for _ in range(QUOTA)]

    assert [await leave(people.user, each) for each in more] == [(409, "conflict")] * QUOTA
    assert (await people.user.caller.post("/environments", {"name": "more"})).status == 409
    assert await number_of(people, people.user) == QUOTA
    assert await number_of(people, people.other_user) == QUOTA


async def test_who_has_the_quota_gets_no_more_whoever_makes_it_an_owner_alone(
    people: People,
) -> None:
    environment = await shared(people.user, people.other_user, "owner")
    for _ in range(QUOTA):
        await register(people.other_user)
    own = f"{path_of(environment)}/permissions/{people.user.id}"

    answers = [
        await people.user.caller.delete(own),
        await people.user.caller.put(own, {"permission": "editor"}),
        await people.user.caller.put(f"{people.user.path}/permissions", {"permissions": []}),
        await people.other_user.caller.delete(own),
        await people.admin.caller.delete(own),
    ]

    assert {(answer.status, answer.error) for answer in answers} == {(409, "conflict")}
    seen = (await people.user.caller.get(path_of(environment))).body
    assert (seen["user_id"], seen["permission"]) == (people.user.id, "owner")


async def test_admins_have_any_number_handed_on_to_them(people: People) -> None:
    for _ in range(QUOTA):
        await register(people.admin)
    environment = await shared(people.user, people.admin, "owner")

    assert await leave(people.user, environment) == (204, None)
    assert await number_of(people, people.admin) == QUOTA + 1


async def test_an_owner_who_shares_the_quota_is_kept_from_nothing_by_being_one(
    people: People,
) -> None:
    for _ in range(QUOTA):
        await share(people.user, await register(people.user), people.other_user, "owner")

    made = [await people.other_user.caller.post("/environments", {"name": "x"}) for _ in range(3)]

    assert [answer.status for answer in made] == [201, 201, 409]
