"""What is remembered of a verified credential, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agentbox.core.recognition import caches
from agentbox.core.recognition.caches import FactCache
from agentbox.errors import InvalidCredential, InvalidToken
from agentbox.model.evidence import Authentication, Credential, CredentialRef, SubjectRef
from agentbox.model.secret import Secret
from agentbox.plugin.storage import ALL_CHANGED, Change
from tests.core.recognition.chain import CREDENTIAL, Answering, Remembered, recognition
from tests.core.world import (
    START,
    UNLIMITED,
    ManualClock,
    World,
    add_session,
    add_user,
    session_evidence,
)


def fact(expires_in: float | None = None) -> Authentication:
    expires_at = None if expires_in is None else START + timedelta(seconds=expires_in)
    reference = CredentialRef(kind="x", id="x", authenticator_id="a", expires_at=expires_at)
    return Authentication(subject=SubjectRef("user", "u"), credential=reference, **UNLIMITED)


def key(number: int) -> tuple[str, bytes]:
    return ("bearer", number.to_bytes(32, "big"))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_fact_is_kept_for_its_time(clock: ManualClock) -> None:
    cache = FactCache(clock, 30.0)
    cache.keep(key(1), fact())
    clock.move(29.9)

    assert cache.get(key(1)) is not None


def test_a_fact_is_not_kept_longer(clock: ManualClock) -> None:
    cache = FactCache(clock, 30.0)
    cache.keep(key(1), fact())
    clock.move(30.0)

    assert cache.get(key(1)) is None


def test_a_fact_ends_with_its_credential(clock: ManualClock) -> None:
    cache = FactCache(clock, 30.0)
    cache.keep(key(1), fact(expires_in=2.0))
    clock.move(2.0)

    assert cache.get(key(1)) is None


@pytest.mark.parametrize("expires_in", [0.0, -1.0])
def test_what_has_run_out_is_not_kept_at_all(clock: ManualClock, expires_in: float) -> None:
    cache = FactCache(clock, 30.0)
    cache.keep(key(1), fact(expires_in=expires_in))

    assert cache.get(key(1)) is None


def test_a_refusal_is_kept_for_five_seconds_at_most(clock: ManualClock) -> None:
    cache = FactCache(clock, 30.0)
    cache.refuse(key(1))
    clock.move(5.0)

    assert not cache.refused(key(1))


# JWT-12: bounded
def test_facts_are_bounded(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "MAX_FACTS", 10)
    cache = FactCache(clock, 30.0)
    for number in range(11):
        cache.keep(key(number), fact())

    assert [n for n in range(11) if cache.get(key(n)) is None] == [0]


def test_refusals_are_bounded(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "MAX_REFUSALS", 10)
    cache = FactCache(clock, 30.0)
    for number in range(11):
        cache.refuse(key(number))

    assert [n for n in range(11) if not cache.refused(key(n))] == [0]


def test_refusals_push_out_no_facts(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "MAX_REFUSALS", 10)
    monkeypatch.setattr(caches, "MAX_FACTS", 10)
    cache = FactCache(clock, 30.0)
    cache.keep(key(0), fact())
    for number in range(1, 100):
        cache.refuse(key(number))

    assert cache.get(key(0)) is not None


async def ready(world: World, kind: type[Answering], **options: Any) -> tuple[Any, Answering]:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    authenticator = kind(session_evidence(user, session))
    return recognition(world, [authenticator], **options), authenticator


async def test_a_remembered_credential_is_not_verified_again(world: World) -> None:
    chain, authenticator = await ready(world, Remembered)
    await chain.recognise(CREDENTIAL)
    await chain.recognise(CREDENTIAL)

    assert authenticator.asked == 1


async def test_nothing_is_remembered_of_a_plugin_that_does_not_ask_for_it(world: World) -> None:
    chain, authenticator = await ready(world, Answering)
    await chain.recognise(CREDENTIAL)
    await chain.recognise(CREDENTIAL)

    assert authenticator.asked == 2


async def test_a_cache_of_no_seconds_remembers_nothing(world: World) -> None:
    chain, authenticator = await ready(world, Remembered, cache_seconds=0.0)
    await chain.recognise(CREDENTIAL)
    await chain.recognise(CREDENTIAL)

    assert authenticator.asked == 2


# JWT-12: keyed by the whole credential
async def test_credentials_that_begin_alike_are_not_mixed_up(world: World) -> None:
    chain, authenticator = await ready(world, Remembered)
    await chain.recognise(Credential("bearer", Secret("x" * 100)))
    await chain.recognise(Credential("bearer", Secret("x" * 99 + "y")))

    assert authenticator.asked == 2


async def test_the_header_is_part_of_what_is_remembered(world: World) -> None:
    chain, authenticator = await ready(world, Remembered)
    await chain.recognise(Credential("bearer", Secret("same")))
    await chain.recognise(Credential("api_key", Secret("same")))

    assert authenticator.asked == 2


@pytest.mark.parametrize("change", [Change("signing_key", "k"), ALL_CHANGED], ids=repr)
async def test_facts_are_forgotten_when_keys_change(world: World, change: Change) -> None:
    chain, authenticator = await ready(world, Remembered)
    await chain.recognise(CREDENTIAL)
    async with world.storage.transaction() as tx:
        tx.changed(change)
    await chain.recognise(CREDENTIAL)

    assert authenticator.asked == 2


class RotatedMeanwhile(Remembered):
    """Looks the key up, and before it answers the key is another."""

    def __init__(self, answer: object, world: World) -> None:
        super().__init__(answer)
        self._world = world

    async def authenticate(self, credential: Credential) -> Authentication:
        try:
            return await super().authenticate(credential)
        finally:
            async with self._world.storage.transaction() as tx:
                tx.changed(Change("signing_key", "k"))


async def test_facts_judged_while_keys_changed_are_not_remembered(world: World) -> None:
    # JWT-10, JWT-12: else a token signed with a compromised key would hold for 30 s more.
    user = await add_user(world.storage)
    evidence = session_evidence(user, await add_session(world.storage, user))
    authenticator = RotatedMeanwhile(evidence, world)
    chain = recognition(world, [authenticator])
    await chain.recognise(CREDENTIAL)
    await chain.recognise(CREDENTIAL)

    assert authenticator.asked == 2


async def test_refusals_judged_while_keys_changed_are_not_remembered(world: World) -> None:
    authenticator = RotatedMeanwhile(InvalidCredential("key"), world)
    chain = recognition(world, [authenticator])
    for _ in range(2):
        with pytest.raises(InvalidToken):
            await chain.recognise(CREDENTIAL)

    assert authenticator.asked == 2


async def test_a_refusal_is_remembered_for_a_moment(world: World) -> None:
    authenticator = Remembered(InvalidCredential("digest"))
    chain = recognition(world, [authenticator])
    for _ in range(3):
        with pytest.raises(InvalidToken):
            await chain.recognise(CREDENTIAL)

    assert authenticator.asked == 1


async def test_a_token_that_runs_out_while_remembered_is_judged_again(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    reference = CredentialRef(
        kind="session",
        id=session.id,
        authenticator_id="jwt",
        expires_at=START + timedelta(seconds=3),
    )
    authenticator = Remembered(
        Authentication(subject=SubjectRef("user", user.id), credential=reference, **UNLIMITED)
    )
    chain = recognition(world, [authenticator])
    await chain.recognise(CREDENTIAL)
    authenticator.answer = InvalidCredential("expired")
    world.clock.move(3)

    with pytest.raises(InvalidToken):
        await chain.recognise(CREDENTIAL)


def test_a_full_cache_forgets_the_oldest_entry_and_keeps_what_is_kept_again() -> None:
    bounded: caches.Bounded[int, str] = caches.Bounded(2)
    bounded.put(1, "one")
    bounded.put(2, "two")
    bounded.put(1, "one again")
    bounded.put(3, "three")
    assert bounded == {1: "one again", 3: "three"}
