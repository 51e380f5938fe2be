"""How passwords are hashed, what a hash costs, and how old ones are renewed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import argon2
import msgspec
import pytest

from agentbox.errors import LoginFailed, StorageError
from agentbox.model.secret import Secret
from agentbox.model.users import PasswordRecord
from agentbox.plugin import LoginContext, PasswordLogin, Transaction, Verified
from agentbox_password.argon2id import Argon2id
from agentbox_password.authenticator import LocalPasswords
from agentbox_password.descriptor import PASSWORD_TYPE, PasswordOptions
from tests.plugins.rows import add_user
from tests.plugins.stand_in import START, CountedStorage, StandInServices

RIGHT = Secret("walnut-ember-71")
WRONG = Secret("walnut-ember-72")
CURRENT = "$argon2id$v=19$m=19456,t=2,p=1$"


def hashed(kind: argon2.Type = argon2.Type.ID, **parameters: int) -> str:
    """RIGHT, hashed with other parameters."""
    chosen = {"memory_cost": 8192, "time_cost": 1, "parallelism": 1} | parameters
    return argon2.PasswordHasher(type=kind, **chosen).hash(RIGHT.reveal())  # type: ignore[arg-type]


async def stored(storage: Any) -> str:
    async with storage.transaction(read_only=True) as tx:
        record = await tx.passwords.get("u1")
        assert isinstance(record, PasswordRecord)
        return record.password_hash


async def test_a_hash_is_argon2id_with_the_parameters_of_the_settings(
    passwords: LocalPasswords,
) -> None:  # PW-05
    assert (await passwords.hash(RIGHT)).startswith(CURRENT)


async def test_other_settings_give_other_parameters(storage: Any) -> None:
    options = PasswordOptions(memory_kib=20_000, iterations=3, parallelism=2)
    async with PASSWORD_TYPE.open(StandInServices(storage, options)) as opened:
        assert isinstance(opened, LocalPasswords)
        made = await opened.hash(RIGHT)
    assert made.startswith("$argon2id$v=19$m=20000,t=3,p=2$")


@pytest.mark.parametrize(
    "options",
    [
        *({"memory_kib": 19_455}, {"memory_kib": 0}, {"memory_kib": "lots"}, {"iterations": 1}),
        *({"parallelism": 0}, {"threads": 0}, {"queue": -1}, {"minimum_length": 7}),
        *({"strength": 5}, {"strength": -1}, {"pepper": "x"}),
    ],
    ids=repr,
)
def test_settings_below_the_floor_are_refused(options: dict[str, Any]) -> None:  # PW-04, PW-05
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, PasswordOptions)


async def test_no_two_hashes_are_alike(passwords: LocalPasswords) -> None:
    assert len({await passwords.hash(RIGHT) for _ in range(5)}) == 5


async def test_a_hash_can_be_checked_without_a_user(passwords: LocalPasswords) -> None:
    made = await passwords.hash(RIGHT)
    assert await passwords.matches(made, RIGHT)
    assert not await passwords.matches(made, WRONG)
    assert not await passwords.matches("rubbish", RIGHT)


OLD = [
    hashed(),
    hashed(memory_cost=4096, time_cost=3),
    hashed(memory_cost=32_768, time_cost=3),
    hashed(argon2.Type.I),
    hashed(argon2.Type.D),
    hashed(hash_len=16),
]


@pytest.mark.parametrize("old", OLD, ids=lambda old: old.rpartition(",")[0])
async def test_a_login_renews_a_hash_of_other_parameters(
    passwords: LocalPasswords, storage: Any, context: LoginContext, old: str
) -> None:
    await add_user(storage, password_hash=old)
    assert isinstance(await passwords.verify(context, PasswordLogin("alice", RIGHT)), Verified)
    renewed = await stored(storage)
    assert renewed.startswith(CURRENT)
    assert await passwords.matches(renewed, RIGHT)


async def test_a_login_leaves_a_current_hash_alone(
    passwords: LocalPasswords, storage: Any, context: LoginContext, services: StandInServices
) -> None:
    made = await passwords.hash(RIGHT)
    await add_user(storage, password_hash=made)
    await passwords.verify(context, PasswordLogin("alice", RIGHT))
    assert await stored(storage) == made
    assert services.counted["hashes"] == 2


async def test_a_wrong_password_renews_nothing(
    passwords: LocalPasswords, storage: Any, context: LoginContext
) -> None:
    await add_user(storage, password_hash=OLD[0])
    with pytest.raises(LoginFailed):
        await passwords.verify(context, PasswordLogin("alice", WRONG))
    assert await stored(storage) == OLD[0]


class Interrupted(CountedStorage):
    """Does something else before every transaction that writes."""

    def __init__(self, storage: Any, before: Callable[[], Awaitable[None]]) -> None:
        super().__init__(storage)
        self._before = before

    def transaction(self, *, read_only: bool = False) -> AbstractAsyncContextManager[Transaction]:
        whole = super().transaction(read_only=read_only)
        return whole if read_only else self._after_something_else(whole)

    @asynccontextmanager
    async def _after_something_else(
        self, whole: AbstractAsyncContextManager[Transaction]
    ) -> AsyncIterator[Transaction]:
        await self._before()
        async with whole as tx:
            yield tx


async def test_renewing_never_brings_back_a_password_changed_meanwhile(
    passwords: LocalPasswords, storage: Any, context: LoginContext, services: StandInServices
) -> None:
    await add_user(storage, password_hash=OLD[0])
    changed = await passwords.hash(WRONG)

    async def change() -> None:
        async with storage.transaction() as tx:
            await tx.passwords.put(PasswordRecord("u1", changed, START))

    services.storage = Interrupted(storage, change)
    await passwords.verify(context, PasswordLogin("alice", RIGHT))
    assert await stored(storage) == changed


async def test_a_login_succeeds_though_renewing_fails(
    passwords: LocalPasswords, storage: Any, context: LoginContext, services: StandInServices
) -> None:
    await add_user(storage, password_hash=OLD[0])

    async def fail() -> None:
        raise StorageError("the disk is full", full=True)

    services.storage = Interrupted(storage, fail)
    assert isinstance(await passwords.verify(context, PasswordLogin("alice", RIGHT)), Verified)
    assert [event for _, event, _ in services.log.lines] == ["password_rehash_failed"]
    assert await stored(storage) == OLD[0]


def cost(argon2id: Argon2id, stored_hash: str | None, password: bytes | None) -> float:
    """CPU seconds of one judgement, the least of several."""
    times = []
    for _ in range(5):
        begin = time.process_time()
        argon2id.judge(stored_hash, password)
        times.append(time.process_time() - begin)
    return min(times)


@pytest.mark.parametrize(
    ("stored_hash", "password"),
    [
        (None, b"x"),
        (None, None),
        (OLD[0], b"x"),
        (OLD[0], RIGHT.reveal().encode()),
        (OLD[1], b"x"),
        (hashed(memory_cost=256, time_cost=1), b"x"),
        ("corrupt", b"x"),
        ("$argon2id$v=19$m=1,t=1,p=1$YWFhYWFhYWE$YWFhYQ", b"x"),
    ],
    ids=["nobody", "nothing", "old", "old, right", "older", "oldest", "corrupt", "invalid"],
)
def test_judging_costs_the_same_whatever_is_stored(
    stored_hash: str | None, password: bytes | None
) -> None:  # PW-02
    argon2id = Argon2id(memory_kib=19_456, iterations=2, parallelism=1)
    usual = cost(argon2id, argon2id.hash(RIGHT.reveal().encode()), b"x")
    assert usual / 2 < cost(argon2id, stored_hash, password) < usual * 2


async def test_the_loop_goes_on_while_a_password_is_hashed(
    passwords: LocalPasswords,
) -> None:  # PW-05
    hashing = asyncio.ensure_future(passwords.hash(RIGHT))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
