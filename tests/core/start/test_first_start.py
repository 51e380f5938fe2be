"""The first start: one super_admin, a password that nobody shipped, and a row that says so."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentbox.config.sections import AdminSettings
from agentbox.core.people.users import UserEdit
from agentbox.core.start.first_start import InitialPassword, ensure_first_admin
from agentbox.errors import NotFound, StartError, StorageError
from agentbox.model.access.roles import Role
from agentbox.model.principal import Operator, Origin
from agentbox.model.secret import Secret
from agentbox.model.users import User, UserFilter
from agentbox.plugin.policy import PasswordContext, PasswordPolicy
from agentbox.plugin.storage import Page
from tests.backend import Database
from tests.core.world import HERE, PlainHasher, World, add_user, signed_in

NEW = Secret("quite-another-word-9")


class AtLeastTwelve(PasswordPolicy):
    async def check_password(self, password: Secret, context: PasswordContext) -> Sequence[str]:
        return [] if len(password.reveal()) >= 12 else ["A password has at least 12 characters."]


@pytest.fixture
def delivered() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def deliver(delivered: list[tuple[str, str]]) -> Callable[[str, Secret], None]:
    return lambda name, password: delivered.append((name, password.reveal()))


@pytest.fixture
def world(storage: Any) -> World:
    return World(storage, policies=[AtLeastTwelve()])


async def start(world: World, deliver: Callable[[str, Secret], None], **admin: Any) -> bool:
    return await ensure_first_admin(
        world.storage, world.clock, world.passwords, AdminSettings(**admin), deliver
    )


async def users(world: World) -> Sequence[User]:
    async with world.storage.transaction(read_only=True) as tx:
        return await tx.users.list(UserFilter(), Page(10))


# OP-01
async def test_it_makes_one_super_admin(world: World, deliver: Any) -> None:
    await start(world, deliver)

    assert [(user.username, user.role) for user in await users(world)] == [
        ("admin", Role.SUPER_ADMIN)
    ]


# OP-01: 24 of 62 characters are 142 bits
async def test_a_generated_password_is_long_and_random(
    world: World, deliver: Any, delivered: list[tuple[str, str]]
) -> None:
    await start(world, deliver)
    password = delivered[0][1]

    assert len(password) == 24
    assert len(set(password)) > 8


async def test_the_delivered_password_is_the_one_that_was_set(
    world: World, deliver: Any, delivered: list[tuple[str, str]]
) -> None:
    await start(world, deliver)
    admin = (await users(world))[0]
    async with world.storage.transaction(read_only=True) as tx:
        record = await tx.passwords.get(admin.id)

    assert record is not None
    assert await PlainHasher().matches(record.password_hash, Secret(delivered[0][1]))


# OP-01
async def test_a_generated_password_must_be_changed(world: World, deliver: Any) -> None:
    await start(world, deliver)

    assert (await users(world))[0].password_change_required


async def test_a_configured_password_is_delivered_to_nobody(
    world: World, deliver: Any, delivered: list[tuple[str, str]]
) -> None:
    await start(world, deliver, password=Secret("from-the-operator"))

    assert (delivered, (await users(world))[0].password_change_required) == ([], False)


# OP-01: never admin/admin
async def test_a_weak_configured_password_stops_the_start(world: World, deliver: Any) -> None:
    with pytest.raises(StartError, match="AGENTBOX_ADMIN_PASSWORD"):
        await start(world, deliver, password=Secret("admin"))
    assert await users(world) == []


async def test_a_broken_password_policy_stops_the_start(storage: Any, deliver: Any) -> None:
    class Broken(PasswordPolicy):
        async def check_password(self, password: Secret, context: PasswordContext) -> Any:
            raise ValueError

    with pytest.raises(StartError):
        await start(World(storage, policies=[Broken()]), deliver)


async def test_a_server_without_passwords_says_so(storage: Any, deliver: Any) -> None:
    with pytest.raises(StartError):
        await start(World(storage, hasher=None), deliver)


# OP-01: a second start prints nothing
async def test_the_second_start_makes_nobody(
    world: World, deliver: Any, delivered: list[tuple[str, str]]
) -> None:
    await start(world, deliver)
    again = await start(world, deliver)

    assert (again, len(delivered), len(await users(world))) == (False, 1, 1)


# OP-02: a row decides, not an empty table
async def test_an_emptied_table_of_users_stays_empty(
    world: World, database: Database, deliver: Any
) -> None:
    await start(world, deliver)
    database.run("DELETE FROM users")
    await start(world, deliver)

    assert await users(world) == []


async def test_the_audit_says_that_the_system_made_it(world: World, deliver: Any) -> None:
    await start(world, deliver)

    assert [(row.event, row.actor) for row in await world.audit()] == [("user.create", "system")]


# OP-01, ST-02: killed between the file and the commit
async def test_a_password_whose_commit_failed_is_replaced_by_the_next_start(
    world: World, deliver: Any, delivered: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = world.storage.transaction

    @asynccontextmanager
    async def dies_at_commit(**options: Any) -> AsyncIterator[Any]:
        async with real(**options) as tx:
            yield tx
            if not options.get("read_only"):
                raise StorageError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(world.storage, "transaction", dies_at_commit)
        with pytest.raises(StorageError):
            await start(world, deliver)
    made = await start(world, deliver)

    assert (made, len(delivered), len(await users(world))) == (True, 2, 1)


async def test_a_password_that_can_not_be_delivered_makes_nobody(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    nowhere = InitialPassword(tmp_path / "nowhere" / "initial-password")

    with pytest.raises(StartError, match="AGENTBOX_ADMIN_PASSWORD"):
        await start(world, nowhere.deliver)
    assert await users(world) == []


@pytest.fixture
def wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def initial(tmp_path: Path) -> InitialPassword:
    return InitialPassword(tmp_path / "agentbox.db.initial-password")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# OP-01: a 0600 file
@pytest.mark.usefixtures("wide_umask")
def test_without_a_terminal_it_goes_to_a_file_of_its_owner_alone(
    initial: InitialPassword, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    initial.deliver("admin", Secret("the-password"))

    assert (initial.path.read_text(), initial.path.stat().st_mode & 0o777) == (
        "the-password\n",
        0o600,
    )


@pytest.mark.usefixtures("wide_umask")
def test_a_file_left_by_a_start_that_died_becomes_private(
    initial: InitialPassword, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    initial.path.write_text("an older and longer password")
    initial.deliver("admin", Secret("the-password"))

    assert (initial.path.read_text(), initial.path.stat().st_mode & 0o777) == (
        "the-password\n",
        0o600,
    )


def test_a_link_in_its_place_is_not_followed(
    initial: InitialPassword, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    initial.path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StartError):
        initial.deliver("admin", Secret("the-password"))
    assert not (tmp_path / "elsewhere").exists()


# OP-01: shown once, on the terminal or in the file, not both
def test_on_a_terminal_it_is_shown_and_not_written(
    initial: InitialPassword, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    initial.deliver("admin", Secret("the-password"))

    assert ("the-password" in terminal.getvalue(), initial.path.exists()) == (True, False)


# OP-01: not written to the log stream
def test_in_a_file_it_is_not_shown_as_well(
    initial: InitialPassword, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    initial.deliver("admin", Secret("the-password"))

    assert ("the-password" in stream.getvalue(), str(initial.path) in stream.getvalue()) == (
        False,
        True,
    )


def test_forgetting_removes_the_file(initial: InitialPassword) -> None:
    initial.path.write_text("the-password\n")
    initial.forget()
    initial.forget()

    assert not initial.path.exists()


def test_a_file_that_can_not_be_removed_stops_nothing(initial: InitialPassword) -> None:
    initial.path.mkdir()

    initial.forget()


async def first_admin(world: World, deliver: Any) -> User:
    await start(world, deliver)
    return (await users(world))[0]


async def test_the_file_goes_when_the_admin_changes_its_password(
    world: World, deliver: Any
) -> None:
    admin = await first_admin(world, deliver)
    caller = await signed_in(world.storage, admin, restrictions=("password_change_required",))
    await world.passwords.change_own(caller, HERE, current=None, new=NEW)

    assert world.forgotten == ["forgotten"]


async def test_the_file_goes_when_the_operator_sets_it(world: World, deliver: Any) -> None:
    admin = await first_admin(world, deliver)
    await world.users.edit(Operator(), Origin(), admin.id, UserEdit(password=NEW))

    assert world.forgotten == ["forgotten"]


async def test_the_file_goes_when_another_admin_sets_it(world: World, deliver: Any) -> None:
    admin = await first_admin(world, deliver)
    other = await signed_in(world.storage, await add_user(world.storage, Role.SUPER_ADMIN))
    await world.users.edit(other, HERE, admin.id, UserEdit(password=NEW))

    assert world.forgotten == ["forgotten"]


async def test_the_file_stays_when_somebody_elses_password_changes(
    world: World, deliver: Any
) -> None:
    await first_admin(world, deliver)
    other = await add_user(world.storage)
    await world.users.edit(Operator(), Origin(), other.id, UserEdit(password=NEW))

    assert world.forgotten == []


async def test_the_file_stays_when_the_change_fails(world: World, deliver: Any) -> None:
    admin = await first_admin(world, deliver)
    async with world.storage.transaction() as tx:
        await tx.users.delete(admin.id)
    with pytest.raises(NotFound):
        await world.users.edit(Operator(), Origin(), admin.id, UserEdit(password=NEW))

    assert world.forgotten == []
