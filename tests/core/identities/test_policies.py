"""A login policy has its say before anything is made, linked or taken away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentbox.errors import AgentboxError, AuthenticatorUnavailable, InvalidGrant, LoginFailed
from agentbox.model.access.roles import Role
from agentbox.model.evidence import Identity
from agentbox.model.principal import Operator
from agentbox.model.users import Status, User, UserFilter
from agentbox.plugin.authenticator import AccountPolicy, LoginContext
from agentbox.plugin.policy import LoginPolicy
from agentbox.plugin.storage import Page
from tests.core.changes.signing_in import Policy
from tests.core.identities.at_sites import (
    ANYBODY,
    BOTH,
    BY_EMAIL,
    NOBODY,
    Site,
    Sites,
    add_link,
    judged,
    rows,
    with_email,
)
from tests.core.world import HERE, World, add_session, add_user

EMAIL = "ada@example.org"
ADA = with_email("ada", EMAIL, preferred_username="ada")

ANSWERS: dict[str, tuple[Any, type[AgentboxError]]] = {
    "refuses": (LoginFailed("domain"), InvalidGrant),
    "breaks": (ValueError("x"), AuthenticatorUnavailable),
    "says something else": (True, AuthenticatorUnavailable),
}


class Watching(LoginPolicy):
    """Keeps whom it was asked about, and does something meanwhile."""

    def __init__(self, *meanwhile: Callable[[User], Awaitable[object]]) -> None:
        self.asked: list[User] = []
        self.meanwhile = list(meanwhile)

    async def check_login(self, context: LoginContext, user: User, identity: Identity) -> None:
        self.asked.append(user)
        if self.meanwhile:
            await self.meanwhile.pop(0)(user)


async def everybody(world: World) -> list[User]:
    async with world.storage.transaction(read_only=True) as tx:
        return list(await tx.users.list(UserFilter(), Page(99)))


async def holder(world: World, **fields: Any) -> User:
    values = {"email": EMAIL, "email_verified": True, "password": "before"} | fields
    return await add_user(world.storage, **values)


# --- It refuses.


@pytest.mark.parametrize(("answer", "error"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("policy", [ANYBODY, BOTH])
async def test_nobody_is_made_whom_it_refuses(
    world: World, answer: Any, error: type[AgentboxError], policy: AccountPolicy
) -> None:
    # OA-09
    sites = Sites(world, Site(judged(ADA, policy)), policies=[Policy(answer)])
    with pytest.raises(error):
        await sites.sign_in()

    assert await everybody(world) == []
    assert await world.audit() == []


@pytest.mark.parametrize(("answer", "error"), ANSWERS.values(), ids=ANSWERS)
async def test_nobody_loses_an_address_to_whom_it_refuses(
    world: World, answer: Any, error: type[AgentboxError]
) -> None:
    # OA-07
    squatter = await holder(world, email_verified=False)
    sites = Sites(world, Site(judged(ADA, BOTH)), policies=[Policy(answer)])
    with pytest.raises(error):
        await sites.sign_in()

    assert await everybody(world) == [squatter]


@pytest.mark.parametrize(("answer", "error"), ANSWERS.values(), ids=ANSWERS)
async def test_an_account_is_left_alone_where_it_refuses(
    world: World, answer: Any, error: type[AgentboxError]
) -> None:
    # OA-07: neither linked nor wiped
    user = await holder(world)
    session = await add_session(world.storage, user)
    sites = Sites(world, Site(judged(ADA, BY_EMAIL)), policies=[Policy(), Policy(answer)])
    with pytest.raises(error):
        await sites.sign_in()

    assert await sites.linked(user) == []
    assert await everybody(world) == [user]
    assert await world.password(user.id) is not None
    kept = await world.session(session.id)
    assert kept is not None
    assert kept.ended_at is None


async def test_a_refusal_is_in_the_audit_with_whom_it_is_about(world: World) -> None:
    user = await holder(world)
    sites = Sites(world, Site(judged(ADA, BY_EMAIL)), policies=[Policy(LoginFailed("domain"))])
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.refused() == [(f"user:{user.id}", "domain")]


async def test_a_refusal_of_somebody_new_is_in_the_audit(world: World) -> None:
    """Under no id: nobody has that one, nor ever will."""
    sites = Sites(world, Site(judged(ADA)), policies=[Policy(LoginFailed("domain"))])
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.refused() == [("anonymous", "domain")]


# --- It is asked.


async def test_it_is_asked_about_who_would_be_made(world: World) -> None:
    policy = Watching()
    sites = Sites(world, Site(judged(ADA)), policies=[policy])

    user = (await sites.sign_in()).user

    [asked] = policy.asked
    assert (asked.id, asked.username, asked.email) == (user.id, "ada", EMAIL)
    assert (asked.role, asked.status, asked.email_verified) == (Role.VIEWER, Status.ACTIVE, True)


async def test_it_is_asked_once_about_who_would_be_linked(world: World) -> None:
    user = await holder(world)
    policy = Watching()
    await Sites(world, Site(judged(ADA, BY_EMAIL)), policies=[policy]).sign_in()

    assert policy.asked == [user]


async def test_it_is_asked_once_about_who_is_linked(world: World) -> None:
    user = await add_user(world.storage)
    await add_link(world, user, ADA)
    policy = Watching()
    await Sites(world, Site(judged(ADA, NOBODY)), policies=[policy]).sign_in()

    assert policy.asked == [user]


# --- Meanwhile.


async def test_it_is_asked_again_about_whom_it_has_become(world: World) -> None:
    """Linked to somebody else while it was asked about somebody new."""
    other = await add_user(world.storage)

    async def linked(user: User) -> None:
        await add_link(world, other, ADA)

    policy = Watching(linked)
    sites = Sites(world, Site(judged(ADA)), policies=[policy])

    assert (await sites.sign_in()).user.id == other.id
    assert [user.id == other.id for user in policy.asked] == [False, True]
    assert len(await everybody(world)) == 1


async def test_nobody_is_let_in_whom_it_refuses_the_second_time(world: World) -> None:
    # OA-09
    other = await add_user(world.storage)

    async def linked(user: User) -> None:
        await add_link(world, other, ADA)

    async def refuse(user: User) -> None:
        raise LoginFailed("domain")

    sites = Sites(world, Site(judged(ADA)), policies=[Watching(linked, refuse)])
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.refused() == [(f"user:{other.id}", "domain")]


async def test_a_name_that_is_taken_meanwhile_is_not_given_twice(world: World) -> None:
    async def take(user: User) -> None:
        await add_user(world.storage, username=user.username)

    policy = Watching(take)
    user = (await Sites(world, Site(judged(ADA)), policies=[policy]).sign_in()).user

    first, second = policy.asked
    assert (first.username, second.username) == ("ada", user.username)
    assert user.username != "ada"


async def test_who_is_an_admin_by_then_is_not_linked(world: World) -> None:
    # OA-07
    user = await holder(world)

    async def promote(user: User) -> None:
        await world.change(user, role=Role.ADMIN)

    sites = Sites(world, Site(judged(ADA, BY_EMAIL)), policies=[Watching(promote)])
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.linked(user) == []
    assert await world.password(user.id) is not None


async def test_who_is_disabled_by_then_is_not_linked(world: World) -> None:
    # OA-09
    user = await holder(world)

    async def disable(user: User) -> None:
        await world.users.switch(Operator(), HERE, user.id, Status.INACTIVE)

    sites = Sites(world, Site(judged(ADA, BY_EMAIL)), policies=[Watching(disable)])
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.linked(user) == []
    assert await world.password(user.id) is not None


async def test_what_changes_every_time_ends_the_sign_in(world: World) -> None:
    async def take(user: User) -> None:
        await add_user(world.storage, username=user.username)

    sites = Sites(world, Site(judged(ADA)), policies=[Watching(*[take] * 20)])
    with pytest.raises(InvalidGrant):
        await sites.sign_in()

    assert await sites.refused() == [("anonymous", "raced")]
    assert rows(await world.audit(), "identity.link") == []
