"""The chain: three answers, order, and authenticators that are broken."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import force_setattr

from agentbox.core.recognition.dispatch import Dispatcher
from agentbox.errors import (
    AuthenticatorUnavailable,
    ExpiredCredential,
    InsufficientRole,
    InvalidCredential,
    InvalidToken,
    LoginFailed,
    NotFound,
    Overloaded,
    Problem,
    StartError,
    StorageError,
    Unavailable,
)
from agentbox.model.evidence import (
    Authentication,
    CredentialRef,
    EnvironmentLimit,
    Identity,
    SubjectRef,
)
from agentbox.model.users import Status
from agentbox.plugin.storage import Change
from tests.core.recognition.chain import CREDENTIAL, Answering, recognition
from tests.core.world import UNLIMITED, World, add_session, add_user, session_evidence

REFERENCE = CredentialRef(kind="example:ticket", id="t1", authenticator_id="a0")


def about(user_id: Any, **fields: Any) -> Authentication:
    return Authentication(
        subject=SubjectRef("user", user_id), credential=REFERENCE, **(UNLIMITED | fields)
    )


async def test_a_credential_that_nobody_claims_is_refused(world: World) -> None:
    chain = recognition(world, [Answering(about("u"), claims=False)])

    with pytest.raises(InvalidToken):
        await chain.recognise(CREDENTIAL)


async def test_an_empty_chain_refuses_everything(world: World) -> None:
    with pytest.raises(InvalidToken):
        await recognition(world, []).recognise(CREDENTIAL)


async def test_who_is_vouched_for_is_worked_out_from_the_store(world: World) -> None:
    user = await add_user(world.storage)

    principal = await recognition(world, [Answering(about(user.id))]).recognise(CREDENTIAL)

    assert (principal.user, principal.role) == (user, user.role)


# PL-04: order is that of the configuration
async def test_the_first_that_recognises_it_answers(world: World) -> None:
    first, second = await add_user(world.storage), await add_user(world.storage)
    chain = recognition(
        world,
        [Answering(None, claims=False), Answering(about(first.id)), Answering(about(second.id))],
    )

    assert (await chain.recognise(CREDENTIAL)).user_id == first.id


# PL-04: reject wins
async def test_a_refusal_ends_the_chain(world: World) -> None:
    user = await add_user(world.storage)
    second = Answering(about(user.id))
    chain = recognition(world, [Answering(InvalidCredential("signature")), second])

    with pytest.raises(InvalidToken):
        await chain.recognise(CREDENTIAL)
    assert second.asked == 0


def reference(**fields: Any) -> CredentialRef:
    values = {"kind": "example:ticket", "id": "t1", "authenticator_id": "a0"}
    return CredentialRef(**(values | fields))


def unusual(**fields: Any) -> Authentication:
    """An Authentication whose fields are not what its types say."""
    made = about("u")
    for name, value in fields.items():
        force_setattr(made, name, value)
    return made


BROKEN = [
    ValueError("x"),
    SystemExit(1),
    asyncio.CancelledError(),
    RecursionError(),
    LoginFailed("x"),
    StartError("x"),
    True,
    "admin",
    {"user": "admin"},
    None,
    unusual(subject="admin"),
    unusual(subject=SubjectRef("role", "admin")),  # type: ignore[arg-type]
    unusual(subject=SubjectRef("user", 1)),  # type: ignore[arg-type]
    unusual(subject=None),
    unusual(credential=None),
    unusual(credential=reference(id=None)),
    unusual(credential=reference(expires_at=datetime(2030, 1, 1))),
    unusual(scope_limit=None),
    unusual(scope_limit=["users:write"]),
    unusual(scope_limit=frozenset({1})),
    unusual(environment_limit={}),
    unusual(environment_limit=EnvironmentLimit("owner")),  # type: ignore[arg-type]
    unusual(environment_limit=EnvironmentLimit(None, [])),  # type: ignore[arg-type]
    unusual(environment_limit=EnvironmentLimit(None, {"e": "owner"})),  # type: ignore[dict-item]
    unusual(credential=reference(kind="whatever")),
    unusual(credential=reference(kind="session:")),
    unusual(credential=reference(kind=None)),
    unusual(credential=reference(authenticator_id=None)),
    unusual(credential=reference(transport="query")),
    unusual(auth_time=1790000000),
    unusual(auth_time=datetime(2030, 1, 1)),
    unusual(amr="pwd"),
    unusual(amr=["pwd"]),
    unusual(amr=(1,)),
    unusual(acr=1),
    unusual(audience="https://auth.example"),
    unusual(audience=(None,)),
    unusual(session_id=1),
    unusual(client_id=b"x"),
    unusual(claims=None),
    unusual(claims=["x"]),
    unusual(claims={1: "x"}),
    unusual(subject=None, identity=Identity(issuer="local", subject="u", authenticator_id=None)),  # type: ignore[arg-type]
    # Delegation is not supported yet; an actor that is dropped would act as the person.
    unusual(actor=about("u")),
    # A Problem would be told to the client as it is.
    InsufficientRole(),
    NotFound("there is no such user"),
    InvalidToken(),
]


# PL-02, PL-04: never an identity, no weaker authenticator is asked
@pytest.mark.parametrize("answer", BROKEN, ids=lambda answer: repr(answer)[:60])
async def test_a_broken_authenticator_ends_the_chain(world: World, answer: Any) -> None:
    second = Answering(about((await add_user(world.storage)).id))
    chain = recognition(world, [Answering(answer), second])

    with pytest.raises(AuthenticatorUnavailable):
        await chain.recognise(CREDENTIAL)
    assert second.asked == 0


# PL-02
@pytest.mark.parametrize(
    "claims",
    [
        ValueError("x"),
        SystemExit(1),
        asyncio.CancelledError(),
        RecursionError(),
        None,
        1,
        "yes",
        [True],
    ],
    ids=repr,
)
async def test_a_broken_look_at_the_shape_ends_the_chain(world: World, claims: Any) -> None:
    user = await add_user(world.storage)
    second = Answering(about(user.id))
    chain = recognition(world, [Answering(about(user.id), claims=claims), second])

    with pytest.raises(AuthenticatorUnavailable):
        await chain.recognise(CREDENTIAL)
    assert second.asked == 0


class _Impatient(Dispatcher):
    """A deadline that a test can wait for."""

    async def call(self, name: str, method: Any, **options: Any) -> Any:
        return await super().call(name, method, **(options | {"deadline": 0.01}))


# PL-03
async def test_an_authenticator_that_hangs_is_unavailable(world: World) -> None:
    async def hang() -> Authentication:
        await asyncio.Event().wait()
        raise AssertionError

    chain = recognition(
        world,
        [Answering(hang)],
        dispatcher=lambda world: _Impatient(world.clock, world.counters),
    )

    with pytest.raises(AuthenticatorUnavailable):
        await chain.recognise(CREDENTIAL)


# PL-04
async def test_an_unknown_user_is_refused(world: World) -> None:
    with pytest.raises(InvalidToken):
        await recognition(world, [Answering(about("nobody"))]).recognise(CREDENTIAL)


# PL-04
@pytest.mark.parametrize("status", [Status.INACTIVE, Status.SUSPENDED])
async def test_a_user_who_is_not_active_is_refused(world: World, status: Status) -> None:
    user = await add_user(world.storage, status=status)

    with pytest.raises(InvalidToken):
        await recognition(world, [Answering(about(user.id))]).recognise(CREDENTIAL)


# PL-04
async def test_somebody_elses_session_is_refused(world: World) -> None:
    owner, other = await add_user(world.storage), await add_user(world.storage)
    session = await add_session(world.storage, owner)

    with pytest.raises(InvalidToken):
        await recognition(world, [Answering(session_evidence(other, session))]).recognise(
            CREDENTIAL
        )


async def test_an_identity_of_another_issuer_is_nobody_here(world: World) -> None:
    user = await add_user(world.storage)
    identity = Identity(issuer="https://idp.example", subject=user.id, authenticator_id="a0")
    answer = Authentication(identity=identity, credential=REFERENCE, **UNLIMITED)

    with pytest.raises(InvalidToken):
        await recognition(world, [Answering(answer)]).recognise(CREDENTIAL)


async def test_a_token_that_only_ran_out_is_refused(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    expired = ExpiredCredential(session_evidence(user, session))

    with pytest.raises(InvalidToken):
        await recognition(world, [Answering(expired)]).recognise(CREDENTIAL)


async def test_a_token_that_only_ran_out_may_sign_out(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    chain = recognition(world, [Answering(ExpiredCredential(session_evidence(user, session)))])

    assert (await chain.recognise_expired(CREDENTIAL)).session_id == session.id


async def test_an_expired_token_of_an_ended_session_may_not_even_sign_out(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user, ended_at=world.clock.now())
    chain = recognition(world, [Answering(ExpiredCredential(session_evidence(user, session)))])

    with pytest.raises(InvalidToken):
        await chain.recognise_expired(CREDENTIAL)


async def test_one_broken_authenticator_leaves_the_others_at_work(world: World) -> None:
    user = await add_user(world.storage)
    broken = Answering(ValueError("x"))
    chain = recognition(world, [broken, Answering(about(user.id))])
    for _ in range(6):
        with pytest.raises(AuthenticatorUnavailable):
            await chain.recognise(CREDENTIAL)
    broken.claims = False

    assert (await chain.recognise(CREDENTIAL)).user_id == user.id


# What is only busy is told as it is, so that clients come back.
@pytest.mark.parametrize("error", [Overloaded(), Unavailable(), StorageError("gone")], ids=repr)
async def test_an_authenticator_may_say_not_now(world: World, error: Problem) -> None:
    with pytest.raises(type(error)):
        await recognition(world, [Answering(error)]).recognise(CREDENTIAL)


@pytest.mark.parametrize("evidence", [None, "u", unusual(credential=reference(kind="x"))])
async def test_an_expired_credential_is_looked_at_as_closely(world: World, evidence: Any) -> None:
    chain = recognition(world, [Answering(ExpiredCredential(evidence))])

    with pytest.raises(AuthenticatorUnavailable):
        await chain.recognise_expired(CREDENTIAL)


# A plugin's reason may hold anything, so names of counters are made of ids alone
async def test_refusals_are_counted_by_authenticator_whatever_their_reason(world: World) -> None:
    for number in range(5):
        chain = recognition(world, [Answering(InvalidCredential(f"reason {number}"))])
        with pytest.raises(InvalidToken):
            await chain.recognise(CREDENTIAL)

    assert world.counters.snapshot() == {"credentials_refused_by.a0": 5}


async def test_a_principal_says_how_new_its_state_is(world: World) -> None:
    user = await add_user(world.storage)
    chain = recognition(world, [Answering(about(user.id))])
    before = await chain.recognise(CREDENTIAL)
    async with world.storage.transaction() as tx:
        tx.changed(Change("user", user.id))
    after = await chain.recognise(CREDENTIAL)

    assert after.state_version == before.state_version + 1
