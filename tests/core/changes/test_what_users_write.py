"""What a change of users writes: the audit, ended sessions, and nothing where nothing changed."""

from __future__ import annotations

from typing import Any

import pytest

from agentbox.core.people.users import NewUser, UserEdit
from agentbox.errors import Conflict, NotFound, StorageError, ValidationFailed
from agentbox.model.access.roles import Role
from agentbox.model.principal import Operator
from agentbox.model.secret import Secret
from agentbox.model.users import Status, User
from tests.core.world import (
    HERE,
    PlainHasher,
    World,
    add_key,
    add_session,
    add_user,
    signed_in,
    with_key,
)

OPERATOR = Operator()
PASSWORD = "a-canary-of-a-password"
NEW_PASSWORD = UserEdit(password=Secret(PASSWORD))


@pytest.fixture
async def target(world: World) -> User:
    return await add_user(world.storage)


async def audit_of(world: World) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    return [(row.event, row.actor, row.target, dict(row.details)) for row in await world.audit()]


# OB-04, as far as changes go
async def test_a_creation_is_audited(world: World) -> None:
    root = await signed_in(world.storage, await add_user(world.storage, Role.SUPER_ADMIN))
    made = await world.users.create(root, HERE, NewUser(username="new"))

    assert await audit_of(world) == [
        ("user.create", f"user:{root.user_id}", f"user:{made.id}", {"role": "user"})
    ]


async def test_a_row_says_from_where_it_was_done(world: World) -> None:
    await world.users.create(OPERATOR, HERE, NewUser(username="new"))
    row = (await world.audit())[0]

    assert (row.actor, row.address, row.request_id) == ("operator", "192.0.2.7", "req-1")


async def test_what_a_key_does_is_the_keys_doing(world: World, target: User) -> None:
    admin = await add_user(world.storage, Role.ADMIN)
    key = await with_key(world.storage, admin, ["users:write"])
    await world.users.edit(key, HERE, target.id, UserEdit(status=Status.INACTIVE))

    assert (await audit_of(world))[0][1] == f"api_key:{key.credential.id}"


async def test_an_edit_says_what_a_role_and_a_status_became(world: World, target: User) -> None:
    edit = UserEdit(role=Role.VIEWER, status=Status.SUSPENDED, email="canary@example.com")
    await world.users.edit(OPERATOR, HERE, target.id, edit)

    assert (await audit_of(world))[0][3] == {
        "email": "changed",
        "role": "viewer",
        "role_before": "user",
        "status": "suspended",
        "status_before": "active",
    }


# OB-01, in the audit
async def test_no_password_is_in_the_audit(world: World, target: User) -> None:
    await world.users.create(OPERATOR, HERE, NewUser(username="new", password=Secret(PASSWORD)))
    await world.users.edit(OPERATOR, HERE, target.id, NEW_PASSWORD)
    hashed = await PlainHasher().hash(Secret(PASSWORD))
    text = repr(await world.audit())

    assert (PASSWORD in text, hashed in text) == (False, False)


@pytest.mark.parametrize(
    "edit", [UserEdit(), UserEdit(role=Role.USER), UserEdit(email=None)], ids=repr
)
async def test_what_changes_nothing_is_not_audited(
    world: World, target: User, edit: UserEdit
) -> None:
    edited = await world.users.edit(OPERATOR, HERE, target.id, edit)

    assert (edited, await world.audit()) == (target, [])


async def test_a_creation_that_fails_is_not_audited(world: World, target: User) -> None:
    with pytest.raises(Conflict):
        await world.users.create(OPERATOR, HERE, NewUser(username=target.username.upper()))
    assert await world.audit() == []


async def test_a_deletion_takes_sessions_and_keys_along(world: World, target: User) -> None:
    session = await add_session(world.storage, target)
    key = await add_key(world.storage, target, ["self:read"])
    await world.users.delete(OPERATOR, HERE, target.id)
    async with world.storage.transaction(read_only=True) as tx:
        left = [await tx.sessions.get(session.id), await tx.api_keys.get(key.id)]

    assert left == [None, None]


async def test_a_deletion_is_audited(world: World, target: User) -> None:
    await world.users.delete(OPERATOR, HERE, target.id)

    assert (await audit_of(world))[0][:3] == ("user.delete", "operator", f"user:{target.id}")


@pytest.mark.parametrize("status", [Status.INACTIVE, Status.SUSPENDED])
async def test_disabling_ends_sessions_for_good(world: World, target: User, status: Status) -> None:
    session = await add_session(world.storage, target)
    await world.users.edit(OPERATOR, HERE, target.id, UserEdit(status=status))
    await world.users.edit(OPERATOR, HERE, target.id, UserEdit(status=Status.ACTIVE))
    ended = await world.session(session.id)

    assert ended is not None
    assert ended.ended_at is not None


async def test_a_password_set_by_another_ends_sessions(world: World, target: User) -> None:
    session = await add_session(world.storage, target)
    await world.users.edit(OPERATOR, HERE, target.id, NEW_PASSWORD)
    ended = await world.session(session.id)

    assert ended is not None
    assert ended.ended_at is not None


async def test_a_role_change_ends_no_session(world: World, target: User) -> None:
    session = await add_session(world.storage, target)
    await world.users.edit(OPERATOR, HERE, target.id, UserEdit(role=Role.VIEWER))
    kept = await world.session(session.id)

    assert kept is not None
    assert kept.ended_at is None


async def test_a_password_set_by_another_needs_no_change(world: World) -> None:
    user = await add_user(world.storage, password_change_required=True)
    edited = await world.users.edit(OPERATOR, HERE, user.id, NEW_PASSWORD)

    assert not edited.password_change_required


@pytest.mark.parametrize("name", ["", "-a", "a b", "ä", "a@b", "x" * 65, "a\n"])
async def test_a_name_that_is_none_is_refused(world: World, name: str) -> None:
    with pytest.raises(ValidationFailed):
        await world.users.create(OPERATOR, HERE, NewUser(username=name))


@pytest.mark.parametrize("write", ["edit", "delete"])
async def test_nobody_is_not_found(world: World, write: str) -> None:
    more = [UserEdit(username="x")] if write == "edit" else []

    with pytest.raises(NotFound):
        await getattr(world.users, write)(OPERATOR, HERE, "nobody", *more)


# ST-02: all of a change or nothing
async def test_a_change_whose_audit_can_not_be_written_is_not_made(
    world: World, target: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageError("gone")

    monkeypatch.setattr("agentbox.plugin.sql.audit.SqlAuditStore.add", fail)
    with pytest.raises(StorageError):
        await world.users.edit(OPERATOR, HERE, target.id, UserEdit(username="renamed"))

    assert await world.user(target.id) == target
