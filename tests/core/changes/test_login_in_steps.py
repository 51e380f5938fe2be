"""Signing in takes several steps: each flow goes on once, for ten minutes, with its own method."""

from __future__ import annotations

from typing import Any

import pytest

from agentbox.core.login import Login
from agentbox.core.signing_in import SignedIn
from agentbox.errors import (
    AuthenticatorUnavailable,
    InvalidCredentials,
    LoginFailed,
    LoginIncomplete,
)
from agentbox.model.secret import Secret
from agentbox.model.users import Status, User
from agentbox.plugin.authenticator import Challenge, NotMine
from tests.backend import Database
from tests.core.changes.signing_in import Method, login, verified
from tests.core.world import HERE, World, add_user

STATE = b"the state of a method"
CHALLENGE = Challenge(kind="totp", state=STATE, data={"digits": 6})


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage, username="alice")


async def begin(one: Login) -> dict[str, Any]:
    with pytest.raises(LoginIncomplete) as incomplete:
        await one.with_password("alice", Secret("right"), HERE)
    return dict(incomplete.value.members)


async def go_on(one: Login, flow: str, method: str = "m0") -> SignedIn:
    return await one.continue_flow(flow, method, {"code": "123456"}, HERE)


async def test_a_challenge_says_how_to_go_on(world: World) -> None:
    members = await begin(login(world, Method(CHALLENGE)))

    assert (members["methods"], members["expires_at"]) == (
        [{"id": "m0", "kind": "totp", "data": {"digits": 6}}],
        "2026-11-23T12:10:00.000000Z",
    )


async def test_the_next_step_signs_in(world: World, user: User) -> None:
    one = login(world, Method(CHALLENGE, verified(user)))
    flow = (await begin(one))["flow"]

    assert (await go_on(one, flow)).user.id == user.id


async def test_the_method_gets_its_state_back(world: World, user: User) -> None:
    method = Method(CHALLENGE, verified(user))
    one = login(world, method)
    await go_on(one, (await begin(one))["flow"])

    assert method.states == [STATE]


async def test_a_step_may_lead_to_another(world: World, user: User) -> None:
    one = login(world, Method(CHALLENGE, CHALLENGE, verified(user)))
    flow = (await begin(one))["flow"]
    with pytest.raises(LoginIncomplete) as incomplete:
        await go_on(one, flow)

    assert (await go_on(one, incomplete.value.members["flow"])).user.id == user.id  # type: ignore[arg-type]


async def test_a_flow_goes_on_once(world: World, user: User) -> None:
    one = login(world, Method(CHALLENGE, verified(user), verified(user)))
    flow = (await begin(one))["flow"]
    await go_on(one, flow)

    with pytest.raises(InvalidCredentials):
        await go_on(one, flow)


async def test_a_wrong_try_uses_it_up(world: World, user: User) -> None:
    one = login(world, Method(CHALLENGE, LoginFailed("code"), verified(user)))
    flow = (await begin(one))["flow"]
    for _ in range(2):
        with pytest.raises(InvalidCredentials):
            await go_on(one, flow)


async def test_a_flow_lasts_for_ten_minutes(world: World, user: User) -> None:
    one = login(world, Method(CHALLENGE, verified(user)))
    flow = (await begin(one))["flow"]
    world.clock.move(599.9)

    assert (await go_on(one, flow)).user.id == user.id


async def test_a_flow_does_not_last_longer(world: World, user: User) -> None:
    one = login(world, Method(CHALLENGE, verified(user)))
    flow = (await begin(one))["flow"]
    world.clock.move(600)

    with pytest.raises(InvalidCredentials):
        await go_on(one, flow)


@pytest.mark.parametrize("method", ["m1", "m2", ""])
async def test_another_method_does_not_go_on(world: World, user: User, method: str) -> None:
    other = Method(verified(user))
    one = login(world, Method(CHALLENGE, verified(user)), other)
    flow = (await begin(one))["flow"]

    with pytest.raises(InvalidCredentials):
        await go_on(one, flow, method)
    assert other.states == []
    assert (await go_on(one, flow)).user.id == user.id  # and it is not used up


@pytest.mark.parametrize("flow", ["", "x", "ä" * 100, "\x00"])
async def test_a_flow_that_nobody_was_given_is_wrong(world: World, flow: str) -> None:
    with pytest.raises(InvalidCredentials):
        await go_on(login(world, Method()), flow)


async def test_a_method_that_is_gone_does_not_go_on(world: World) -> None:
    flow = (await begin(login(world, Method(CHALLENGE))))["flow"]

    with pytest.raises(InvalidCredentials):
        await go_on(login(world), flow)


async def test_one_disabled_between_the_steps_does_not_sign_in(world: World, user: User) -> None:
    one = login(world, Method(CHALLENGE, verified(user)))
    flow = (await begin(one))["flow"]
    await world.change(user, status=Status.INACTIVE)

    with pytest.raises(InvalidCredentials):
        await go_on(one, flow)


async def test_a_method_that_does_not_know_the_step_is_wrong(world: World) -> None:
    one = login(world, Method(CHALLENGE, NotMine()))
    flow = (await begin(one))["flow"]

    with pytest.raises(InvalidCredentials):
        await go_on(one, flow)


async def test_a_step_that_breaks_is_not_available(world: World) -> None:
    one = login(world, Method(CHALLENGE, ValueError("x")))
    flow = (await begin(one))["flow"]

    with pytest.raises(AuthenticatorUnavailable):
        await go_on(one, flow)


def flows(database: Database) -> list[tuple[Any, ...]]:
    return database.run("SELECT id, sealed_state FROM login_flows")


async def test_the_database_knows_neither_flow_nor_state(world: World, database: Database) -> None:
    flow = (await begin(login(world, Method(CHALLENGE))))["flow"]
    text = repr(flows(database))

    assert (flow in text, "state of a method" in text) == (False, False)


# ST-11: sealed to its row
async def test_a_state_moved_to_another_flow_does_not_go_on(
    world: World, user: User, database: Database
) -> None:
    method = Method(CHALLENGE, CHALLENGE, verified(user))
    one = login(world, method)
    flow = (await begin(one))["flow"]
    await begin(one)
    (first, first_state), (second, second_state) = flows(database)
    for flow_id, state in ((first, second_state), (second, first_state)):
        database.run("UPDATE login_flows SET sealed_state = ? WHERE id = ?", state, flow_id)

    with pytest.raises(InvalidCredentials):
        await go_on(one, flow)
    assert method.states == []
