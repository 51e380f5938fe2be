"""POST /authorize answers what the rules say, for everybody about every environment."""

from __future__ import annotations

from itertools import product

import pytest

from tests.e2e.matrix.callers import CALLERS, DEAD, Caller
from tests.e2e.matrix.oracle import seen
from tests.e2e.matrix.rules import LOWEST_ROLE, PERMISSIONS, strength
from tests.e2e.matrix.targets import ENVIRONMENTS
from tests.e2e.matrix.world import World

ALIVE = [who for who in CALLERS if who not in DEAD]


def reason(caller: Caller, name: str, permission: str) -> str:
    """What the rules say about one environment."""
    has = seen(caller, name)
    if caller.restricted:
        return "restricted"
    if has is None:
        return "no_permission"
    return "ok" if strength(has) >= strength(permission) else "insufficient_permission"


@pytest.mark.parametrize("who", ALIVE)
async def test_the_answer_about_an_environment_is_that_of_the_rules(world: World, who: str) -> None:
    # AK-04, AZ-07
    caller = CALLERS[who]
    asked = list(product(ENVIRONMENTS, PERMISSIONS))
    checks = [
        {
            "environment_id": world.id_of("environment_id", name, caller.person),
            "permission": permission,
        }
        for name, permission in asked
    ]

    answer = await world.client(who).post("/authorize", {"checks": checks})

    rules = [reason(caller, name, permission) for name, permission in asked]
    assert [each["reason"] for each in answer.body["results"]] == rules
    assert [each["allowed"] for each in answer.body["results"]] == [r == "ok" for r in rules]


@pytest.mark.parametrize("who", ALIVE)
async def test_the_answer_about_a_scope_is_that_of_the_rules(world: World, who: str) -> None:
    # AK-04, AK-06
    caller = CALLERS[who]

    answer = await world.client(who).post(
        "/authorize", {"checks": [{"scope": scope} for scope in LOWEST_ROLE]}
    )

    found = {
        scope
        for scope, each in zip(LOWEST_ROLE, answer.body["results"], strict=True)
        if each["allowed"]
    }
    assert found == (set() if caller.restricted else caller.scopes)


@pytest.mark.parametrize("who", ALIVE)
async def test_what_one_is_shown_of_environments_is_that_of_the_rules(
    world: World, who: str
) -> None:
    # AZ-07
    caller = CALLERS[who]
    if caller.restricted:
        return
    ids = {name: world.id_of("environment_id", name, caller.person) for name in ENVIRONMENTS}
    rules = {ids[name]: seen(caller, name) for name in ENVIRONMENTS if seen(caller, name)}

    answer = await world.client(who).get("/environments")
    searched = await world.client(who).get("/environments?search=BOX&limit=1")

    shown = {each["id"]: each["permission"] for each in answer.body["environments"]}
    assert {each: shown[each] for each in ids.values() if each in shown} == rules
    assert answer.body["total"] == searched.body["total"] == len(shown)
