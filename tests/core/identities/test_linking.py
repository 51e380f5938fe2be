"""One links a sign-in while signed in, and takes it away again, unless nothing else is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentbox.errors import (
    InvalidGrant,
    InvalidPassword,
    NotFound,
    SessionRequired,
    ValidationFailed,
)
from agentbox.model.access.roles import Role
from agentbox.model.evidence import LOCAL_ISSUER
from agentbox.model.principal import Principal
from agentbox.model.secret import Secret
from agentbox.model.users import Status, User
from tests.core.identities.at_sites import (
    NOBODY,
    PAGE,
    Site,
    Sites,
    add_link,
    judged,
    query_of,
    rows,
    someone,
    with_email,
)
from tests.core.world import HERE, World, add_session, add_user, signed_in, with_key

PASSWORD = "the-password-of-mine"
MINE = judged(with_email("mine", "me@example.org"), NOBODY)


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage, password=PASSWORD)


@pytest.fixture
async def caller(world: World, user: User) -> Principal:
    return await signed_in(world.storage, user)


async def begun(sites: Sites, caller: Principal, **options: Any) -> tuple[str, str]:
    values = {"current_password": Secret(PASSWORD)} | options
    one = await sites.linking.begin(caller, HERE, "example", **values)
    return query_of(one.url)["state"], one.browser


async def finish(sites: Sites, state: str, browser: str) -> None:
    finished = await sites.back(state, browser)
    assert finished.to_link is not None
    await sites.linking.finish(*finished.to_link, HERE)


async def ended(world: World, session_id: str | None) -> bool:
    session = await world.session(session_id)
    assert session is not None
    return session.ended_at is not None


async def test_what_is_linked_signs_in(world: World, user: User, caller: Principal) -> None:
    sites = Sites(world, Site(MINE, MINE))
    linked = await sites.link(caller, PASSWORD)

    assert (linked.user_id, linked.subject, linked.provider) == (user.id, "mine", "example")
    assert (await sites.sign_in()).user.id == user.id


@pytest.mark.parametrize("role", [*Role])
async def test_everybody_may_link_while_signed_in(world: World, role: Role) -> None:
    # OA-07: also those whom an address never links
    user = await add_user(world.storage, role, password=PASSWORD)
    sites = Sites(world, Site(MINE))

    await sites.link(await signed_in(world.storage, user), PASSWORD)

    assert len(await sites.linked(user)) == 1


async def test_a_link_opens_no_session_and_takes_no_address(
    world: World, user: User, caller: Principal
) -> None:
    sites = Sites(world, Site(MINE))
    state, browser = await begun(sites, caller)

    finished = await sites.back(state, browser)

    assert finished.signed_in is finished.redirect is None
    assert (await world.user(user.id)) == user
    assert rows(await world.audit(), "session.begin") == []


async def test_a_link_may_end_at_a_page_without_a_code(world: World, caller: Principal) -> None:
    sites = Sites(world, Site(MINE))
    state, browser = await begun(sites, caller, return_to=PAGE)

    assert (await sites.back(state, browser)).redirect == PAGE


async def test_all_other_sessions_end(world: World, user: User, caller: Principal) -> None:
    # OA-07
    other = await add_session(world.storage, user)
    await Sites(world, Site(MINE)).link(caller, PASSWORD)

    assert await ended(world, other.id)
    assert not await ended(world, caller.session_id)


async def test_a_link_is_in_the_audit(world: World, user: User, caller: Principal) -> None:
    linked = await Sites(world, Site(MINE)).link(caller, PASSWORD)

    [row] = rows(await world.audit(), "identity.link")
    assert (row.actor, row.target) == (f"user:{user.id}", f"user:{user.id}")
    assert row.details == {
        "identity_id": linked.id,
        "provider": "example",
        "subject_digest": linked.subject_digest,
        "by": "session",
    }


@pytest.mark.parametrize("password", [None, "another-password"])
async def test_who_has_a_password_gives_it(
    world: World, caller: Principal, password: str | None
) -> None:
    # OA-07
    sites = Sites(world, Site(MINE))

    with pytest.raises(ValidationFailed if password is None else InvalidPassword):
        await begun(sites, caller, current_password=Secret(password) if password else None)
    async with world.storage.transaction() as tx:
        assert await tx.login_flows.shorten("core:redirect", 0) == 0


async def test_who_has_none_links_without(world: World) -> None:
    user = await add_user(world.storage)
    await add_link(world, user, someone("first"))
    sites = Sites(world, Site(MINE))

    await sites.link(await signed_in(world.storage, user))

    assert {each.subject for each in await sites.linked(user)} == {"first", "mine"}


async def test_an_api_key_links_nothing(world: World, user: User) -> None:
    key = await with_key(world.storage, user, ["self:write"])
    with pytest.raises(SessionRequired):
        await begun(Sites(world, Site(MINE)), key)


@pytest.mark.parametrize(
    ("options", "error"),
    [({"return_to": "https://evil.example/"}, ValidationFailed), ({"provider": "none"}, NotFound)],
)
async def test_what_can_t_be_begun_asks_for_no_password(
    world: World, caller: Principal, options: dict[str, str], error: type[Exception]
) -> None:
    sites = Sites(world, Site(MINE))
    provider = options.pop("provider", "example")
    with pytest.raises(error):
        await sites.linking.begin(
            caller,
            HERE,
            provider,
            current_password=Secret(PASSWORD),
            return_to=options.get("return_to"),
        )

    assert rows(await world.audit(), "session.reauthenticate") == []


async def test_a_callback_in_another_browser_links_nothing(
    world: World, user: User, caller: Principal
) -> None:
    # OA-01
    sites = Sites(world, Site(MINE))
    state, _ = await begun(sites, caller)
    with pytest.raises(InvalidGrant):
        await sites.back(state, "x" * 43)

    assert await sites.linked(user) == []


@pytest.mark.parametrize("how", ["ended", "expired", "disabled", "deleted"])
async def test_nothing_is_linked_to_somebody_who_is_gone_meanwhile(
    world: World, user: User, caller: Principal, how: str
) -> None:
    # OA-09
    sites = Sites(world, Site(MINE))
    state, browser = await begun(sites, caller)
    async with world.storage.transaction() as tx:
        if how == "ended":
            await tx.sessions.end(caller.session_id or "", world.clock.now())
        elif how == "deleted":
            await tx.users.delete(user.id)
    if how == "disabled":
        await world.change(user, status=Status.INACTIVE)
    if how == "expired":
        async with world.storage.transaction() as tx:
            await tx.sessions.purge(world.clock.now().replace(year=2099))
    with pytest.raises(InvalidGrant):
        await finish(sites, state, browser)

    assert await sites.linked(user) == []
    assert await sites.refused() == [(f"user:{user.id}", "session")]


async def test_what_is_somebody_s_is_not_linked_to_another(
    world: World, user: User, caller: Principal
) -> None:
    owner = await add_user(world.storage)
    await add_link(world, owner, MINE.identity)
    other = await add_session(world.storage, user)
    sites = Sites(world, Site(MINE))
    with pytest.raises(InvalidGrant):
        await sites.link(caller, PASSWORD)

    assert await sites.linked(user) == []
    assert len(await sites.linked(owner)) == 1
    assert not await ended(world, other.id)
    assert await sites.refused() == [(f"user:{user.id}", "identity_taken")]


async def test_what_is_one_s_own_already_is_a_link_that_succeeded(
    world: World, user: User, caller: Principal
) -> None:
    mine = await add_link(world, user, MINE.identity)
    other = await add_session(world.storage, user)
    assert await Sites(world, Site(MINE)).link(caller, PASSWORD) == mine

    assert await Sites(world, Site()).linked(user) == [mine]
    assert not await ended(world, other.id)  # nothing changed
    assert "identity.link" not in [row.event for row in await world.audit()]


@pytest.mark.parametrize("identity", [someone("u", issuer=LOCAL_ISSUER), someone("")])
async def test_what_is_no_identity_is_not_linked(
    world: World, user: User, caller: Principal, identity: Any
) -> None:
    # OA-05
    sites = Sites(world, Site(judged(identity)))
    with pytest.raises(InvalidGrant):
        await sites.link(caller, PASSWORD)

    assert await sites.linked(user) == []


async def test_of_two_who_link_one_identity_at_once_one_wins(world: World) -> None:
    users = [await add_user(world.storage, password=PASSWORD) for _ in range(4)]
    callers = [await signed_in(world.storage, user) for user in users]
    sites = Sites(world, Site(*[MINE] * 4))

    got = await asyncio.gather(
        *(sites.link(caller, PASSWORD) for caller in callers), return_exceptions=True
    )

    assert [type(each) for each in got].count(InvalidGrant) == 3
    assert sum([len(await sites.linked(user)) for user in users]) == 1
    assert len(rows(await world.audit(), "identity.link")) == 1


async def test_a_link_and_a_first_sign_in_at_once_make_one_link(
    world: World, user: User, caller: Principal
) -> None:
    both = judged(someone("mine"))
    sites = Sites(world, Site(both, both))

    got = await asyncio.gather(
        sites.link(caller, PASSWORD), sites.sign_in(), return_exceptions=True
    )

    assert [each for each in got if isinstance(each, BaseException)] in ([], [got[0]])
    async with world.storage.transaction(read_only=True) as tx:
        linked = await tx.identities.find(both.identity.issuer, "mine")
    assert linked is not None
    assert len(rows(await world.audit(), "identity.link")) == 1


# --- The password meanwhile.


async def change(world: World, caller: Principal, old: str | None) -> None:
    """In the session that asked for the link, which goes on."""
    world.clock.move(5)
    current = None if old is None else Secret(old)
    new = Secret("the-new-password-of-mine")
    await world.passwords.change_own(caller, HERE, current=current, new=new)


async def test_a_password_that_was_changed_meanwhile_links_nothing(
    world: World, user: User, caller: Principal
) -> None:
    # OA-07: who knew the old one has begun it, and is to be shut out by the new one
    sites = Sites(world, Site(MINE))
    state, browser = await begun(sites, caller)
    await change(world, caller, PASSWORD)
    with pytest.raises(InvalidGrant):
        await finish(sites, state, browser)

    assert await sites.linked(user) == []
    assert await sites.refused() == [(f"user:{user.id}", "password")]


async def test_a_first_password_that_was_set_meanwhile_links_nothing(world: World) -> None:
    # OA-07
    user = await add_user(world.storage)
    caller = await signed_in(world.storage, user)
    sites = Sites(world, Site(MINE))
    state, browser = await begun(sites, caller, current_password=None)
    await change(world, caller, None)
    with pytest.raises(InvalidGrant):
        await finish(sites, state, browser)

    assert await sites.linked(user) == []


async def test_a_password_that_was_taken_away_meanwhile_links_nothing(
    world: World, user: User, caller: Principal
) -> None:
    # OA-07
    sites = Sites(world, Site(MINE))
    state, browser = await begun(sites, caller)
    async with world.storage.transaction() as tx:
        await tx.passwords.delete(user.id)
    with pytest.raises(InvalidGrant):
        await finish(sites, state, browser)


async def test_a_hash_that_is_made_anew_meanwhile_is_the_same_password(
    world: World, user: User, caller: Principal
) -> None:
    sites = Sites(world, Site(MINE))
    state, browser = await begun(sites, caller)
    record = await world.password(user.id)
    assert record is not None
    async with world.storage.transaction() as tx:
        await tx.passwords.upgrade(user.id, record.password_hash, "of other parameters")

    await finish(sites, state, browser)

    assert len(await sites.linked(user)) == 1
