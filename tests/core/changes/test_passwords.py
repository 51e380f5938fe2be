"""One's own password: what it takes, and what ends with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from agentbox.errors import (
    AuthenticatorUnavailable,
    InsufficientUserAuthentication,
    InvalidPassword,
    InvalidToken,
    Unavailable,
    ValidationFailed,
    WeakPassword,
)
from agentbox.model.principal import PASSWORD_CHANGE_REQUIRED, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import PasswordRecord
from agentbox.plugin.authenticator import PasswordHasher
from agentbox.plugin.policy import PasswordContext, PasswordPolicy
from agentbox.plugin.storage import Storage
from tests.core.world import HERE, START, PlainHasher, World, add_session, add_user, signed_in

OLD, NEW = Secret("the-old-password"), Secret("the-new-password")
RESTRICTED = (PASSWORD_CHANGE_REQUIRED,)


class Policy(PasswordPolicy):
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def check_password(self, password: Secret, context: PasswordContext) -> Sequence[str]:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


async def caller(world: World, **fields: Any) -> Principal:
    user = await add_user(world.storage, password=OLD.reveal())
    return await signed_in(world.storage, user, **fields)


async def has(world: World, who: Principal, password: Secret) -> bool:
    async with world.storage.transaction(read_only=True) as tx:
        record = await tx.passwords.get(who.user_id)
    return record is not None and await PlainHasher().matches(record.password_hash, password)


async def test_the_right_one_changes_it(world: World) -> None:
    who = await caller(world)
    await world.passwords.change_own(who, HERE, current=OLD, new=NEW)

    assert await has(world, who, NEW)


# PW-10
async def test_a_wrong_one_does_not(world: World) -> None:
    who = await caller(world)

    with pytest.raises(InvalidPassword):
        await world.passwords.change_own(who, HERE, current=NEW, new=NEW)
    assert (await has(world, who, OLD), await world.audit()) == (True, [])


async def test_the_current_one_is_needed(world: World) -> None:
    with pytest.raises(ValidationFailed):
        await world.passwords.change_own(await caller(world), HERE, current=None, new=NEW)


async def without_password(world: World, minutes_ago: int) -> Principal:
    """Signed in by something else, so long ago."""
    user = await add_user(world.storage)
    auth_time = world.clock.now() - timedelta(minutes=minutes_ago)
    return await signed_in(world.storage, user, auth_time=auth_time)


async def test_who_has_none_and_has_just_signed_in_sets_one(world: World) -> None:
    who = await without_password(world, 9)
    await world.passwords.change_own(who, HERE, current=None, new=NEW)

    assert await has(world, who, NEW)


async def test_who_has_none_and_signed_in_long_ago_sets_none(world: World) -> None:
    who = await without_password(world, 11)
    with pytest.raises(InsufficientUserAuthentication):
        await world.passwords.change_own(who, HERE, current=None, new=NEW)

    assert await world.password(who.user_id) is None


async def test_who_has_none_can_t_guess_it(world: World) -> None:
    with pytest.raises(InvalidPassword):
        await world.passwords.change_own(
            await without_password(world, 0), HERE, current=OLD, new=NEW
        )


async def test_a_session_that_must_change_it_needs_no_current_one(world: World) -> None:
    who = await caller(world, restrictions=RESTRICTED)
    await world.passwords.change_own(who, HERE, current=None, new=NEW)

    assert await has(world, who, NEW)


async def test_the_current_one_again_is_no_change(world: World) -> None:
    with pytest.raises(WeakPassword):
        await world.passwords.change_own(await caller(world), HERE, current=OLD, new=OLD)


async def test_the_restriction_ends(world: World) -> None:
    who = await caller(world, restrictions=RESTRICTED)
    await world.change(who.user, password_change_required=True)
    await world.passwords.change_own(who, HERE, current=None, new=NEW)
    user = await world.user(who.user_id)

    assert user is not None
    assert not user.password_change_required


# PW-10: ends all other sessions
async def test_all_other_sessions_end(world: World) -> None:
    who = await caller(world)
    other = await add_session(world.storage, who.user)
    await world.passwords.change_own(who, HERE, current=OLD, new=NEW)
    ended, kept = await world.session(other.id), await world.session(who.session_id)

    assert ended is not None
    assert kept is not None
    assert (ended.ended_at is None, kept.ended_at is None) == (False, True)


async def test_a_change_is_audited_without_the_password(world: World) -> None:
    who = await caller(world)
    await world.passwords.change_own(who, HERE, current=OLD, new=NEW)

    assert [(row.event, row.actor, dict(row.details)) for row in await world.audit()] == [
        ("user.password_change", f"user:{who.user_id}", {})
    ]


async def test_a_password_changed_by_another_meanwhile_wins(world: World, storage: Storage) -> None:
    who = await caller(world)

    class Slow(PlainHasher):
        async def hash(self, password: Secret) -> str:
            if password.reveal() == NEW.reveal():
                async with storage.transaction() as tx:
                    await tx.passwords.put(PasswordRecord(who.user_id, "theirs", START))
            return await super().hash(password)

    with pytest.raises(InvalidPassword):
        await World(storage, hasher=Slow()).passwords.change_own(who, HERE, current=OLD, new=NEW)


async def test_a_session_ended_meanwhile_changes_nothing(world: World) -> None:
    who = await caller(world)
    async with world.storage.transaction() as tx:
        await tx.sessions.end(who.session_id or "", START)

    with pytest.raises(InvalidToken):
        await world.passwords.change_own(who, HERE, current=OLD, new=NEW)
    assert await has(world, who, OLD)


async def test_all_faults_of_all_policies_are_told(storage: Storage) -> None:
    world = World(storage, policies=[Policy(["Too short."]), Policy(("Too common.", "Too old."))])

    with pytest.raises(WeakPassword) as refused:
        await world.passwords.accept(NEW, username="u", email=None)
    assert [fault.detail for fault in refused.value.errors] == [
        "Too short.",
        "Too common.",
        "Too old.",
    ]


# A policy that is broken refuses (fail closed).
@pytest.mark.parametrize(
    "answer", [ValueError("x"), SystemExit(1), None, True, "weak", [1], {"a": 1}], ids=repr
)
async def test_a_broken_policy_refuses_every_password(storage: Storage, answer: Any) -> None:
    world = World(storage, policies=[Policy(answer)])

    with pytest.raises(AuthenticatorUnavailable):
        await world.passwords.accept(NEW, username="u", email=None)


class Yes(PlainHasher):
    """Answers with something that is merely true."""

    async def matches(self, password_hash: str, password: Secret) -> bool:
        return "yes"  # type: ignore[return-value]


async def test_an_answer_that_is_merely_true_is_no_match(storage: Storage) -> None:
    world = World(storage, hasher=Yes())
    who = await caller(world)

    with pytest.raises(AuthenticatorUnavailable):
        await world.passwords.change_own(who, HERE, current=NEW, new=NEW)


async def test_a_hash_that_is_no_text_is_not_kept(storage: Storage) -> None:
    class Bytes(PlainHasher):
        async def hash(self, password: Secret) -> str:
            return b"hash"  # type: ignore[return-value]

    with pytest.raises(AuthenticatorUnavailable):
        await World(storage, hasher=Bytes()).passwords.accept(NEW, username="u", email=None)


async def test_without_a_hasher_it_is_not_available(storage: Storage) -> None:
    nobody: PasswordHasher | None = None

    with pytest.raises(Unavailable):
        await World(storage, hasher=nobody).passwords.accept(NEW, username="u", email=None)


def pointers(refused: pytest.ExceptionInfo[WeakPassword]) -> list[str]:
    return [fault.pointer for fault in refused.value.errors]


class Refusing(PlainHasher):
    async def hash(self, password: Secret) -> str:
        raise WeakPassword("It has a NUL.")

    async def matches(self, password_hash: str, password: Secret) -> bool:
        return await PlainHasher().matches(password_hash, password)


@pytest.mark.parametrize("refusing", ["policy", "hasher", "same"])
async def test_a_weak_new_password_is_pointed_at_where_it_stands(
    storage: Storage, refusing: str
) -> None:
    world = World(
        storage,
        policies=[Policy(["Too short."])] if refusing == "policy" else [],
        hasher=Refusing() if refusing == "hasher" else PlainHasher(),
    )
    who = await caller(world)
    new = OLD if refusing == "same" else NEW

    with pytest.raises(WeakPassword) as refused:
        await world.passwords.change_own(who, HERE, current=OLD, new=new)
    assert pointers(refused) == ["/new_password"]


async def test_the_password_of_a_new_user_is_pointed_at_where_it_stands(storage: Storage) -> None:
    world = World(storage, policies=[Policy(["Too short."])])

    with pytest.raises(WeakPassword) as refused:
        await world.passwords.accept(NEW, username="bob", email=None)
    assert pointers(refused) == ["/password"]
