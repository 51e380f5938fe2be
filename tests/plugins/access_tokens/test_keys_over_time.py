"""Where keys come from, when they are read again, and which are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agentbox.errors import InvalidCredential, StartError, StorageError, Unavailable
from agentbox.model.evidence import Credential
from agentbox.model.formats.jose import decode_base64url
from agentbox.model.secret import Secret
from agentbox.model.signing_keys import SigningKey
from agentbox.plugin import Change, TokenRequest
from agentbox_jwt.authenticator import JwtAuthenticator
from agentbox_jwt.descriptor import JWT_TYPE, JwtOptions
from agentbox_jwt.keyring import KeyRing
from agentbox_jwt.keys import generate, load
from tests.plugins.access_tokens.forge import claims, es256
from tests.plugins.stand_in import START, StandInServices

LATER = START + timedelta(seconds=1)
SECRET = "a-q9vK2mZ7xW4tB8nR1cY6uE3sH5jL0pD"


async def rows(storage: Any) -> list[SigningKey]:
    async with storage.transaction(read_only=True) as tx:
        return list(await tx.signing_keys.list())


async def add(storage: Any, row: SigningKey) -> None:
    async with storage.transaction() as tx:
        await tx.signing_keys.add(row)
        tx.changed(Change("signing_key", row.id))


async def minted(services: StandInServices, request: TokenRequest) -> str:
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        return (await opened.mint(request)).reveal()


async def judged(services: StandInServices, token: str) -> str | None:
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        return (await opened.authenticate(Credential("bearer", Secret(token)))).session_id


def sharing(storage: Any, secret: str = SECRET) -> StandInServices:
    return StandInServices(storage, JwtOptions(secret=Secret(secret)))


async def test_the_first_start_makes_one_key(services: StandInServices, storage: Any) -> None:
    async with JWT_TYPE.open(services):
        (row,) = await rows(storage)
    assert row.algorithm == "ES256"
    assert row.created_at == START


async def test_a_later_start_uses_the_same_key(
    services: StandInServices, storage: Any, request_for_token: TokenRequest
) -> None:
    token = await minted(services, request_for_token)
    assert await judged(StandInServices(storage, JwtOptions()), token) == "s1"
    assert len(await rows(storage)) == 1


async def test_eight_starts_at_once_make_one_key(storage: Any) -> None:
    async def start() -> None:
        async with JWT_TYPE.open(StandInServices(storage, JwtOptions())):
            await asyncio.sleep(0)

    await asyncio.gather(*(start() for _ in range(8)))
    assert len(await rows(storage)) == 1


async def test_the_private_key_is_sealed_to_its_row(
    services: StandInServices, storage: Any
) -> None:
    async with JWT_TYPE.open(services):
        (row,) = await rows(storage)
    place = f"signing_keys:private_key:{row.id}"
    assert services.sealer.open(row.sealed_private_key, place=place)
    moved = msgspec.structs.replace(
        row, id="another", public_jwk={**row.public_jwk, "kid": "another"}
    )
    await add(storage, moved)
    with pytest.raises(StartError):
        await judged(StandInServices(storage, JwtOptions()), "")


async def test_with_a_secret_no_key_pair_is_made_and_none_is_published(storage: Any) -> None:
    async with JWT_TYPE.open(sharing(storage)) as opened:
        assert isinstance(opened, JwtAuthenticator)
        assert await opened.jwks() == []
    assert await rows(storage) == []


async def test_a_secret_signs_and_verifies(storage: Any, request_for_token: TokenRequest) -> None:
    token = await minted(sharing(storage), request_for_token)
    assert await judged(sharing(storage), token) == "s1"


async def test_a_secret_may_hold_any_characters(
    storage: Any, request_for_token: TokenRequest
) -> None:
    secret = "ünïcödé £ 密钥 " + SECRET
    token = await minted(sharing(storage, secret), request_for_token)
    assert await judged(sharing(storage, secret), token) == "s1"


async def test_tokens_of_the_key_pair_hold_after_a_secret_was_set(
    services: StandInServices, storage: Any, request_for_token: TokenRequest
) -> None:
    token = await minted(services, request_for_token)
    assert await judged(sharing(storage), token) == "s1"


async def test_tokens_of_a_secret_do_not_hold_without_it(
    services: StandInServices, storage: Any, request_for_token: TokenRequest
) -> None:
    token = await minted(sharing(storage), request_for_token)
    with pytest.raises(InvalidCredential, match="key"):
        await judged(services, token)


async def test_tokens_of_another_secret_do_not_hold(
    storage: Any, request_for_token: TokenRequest
) -> None:
    token = await minted(sharing(storage, SECRET + "1"), request_for_token)
    with pytest.raises(InvalidCredential, match="signature"):
        await judged(sharing(storage), token)


async def test_a_new_key_signs_as_soon_as_it_is_announced(
    services: StandInServices, storage: Any, request_for_token: TokenRequest
) -> None:
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        before = await opened.mint(request_for_token)
        row = generate(services.sealer, LATER)
        await add(storage, row)
        after = await opened.mint(request_for_token)
        assert f'"kid":"{row.id}"' in _header(after)
        assert f'"kid":"{row.id}"' not in _header(before)
        for token in (before, after):
            assert await opened.authenticate(Credential("bearer", token))
        assert len(await opened.jwks()) == 2


def _header(token: Secret) -> str:
    return decode_base64url(token.reveal().split(".")[0]).decode()


async def test_a_key_that_another_process_made_is_found_when_first_seen(
    services: StandInServices, storage: Any, request_for_token: TokenRequest
) -> None:
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        services.clock.move(10)
        async with storage.transaction() as tx:  # and its notice was lost
            await tx.signing_keys.add(generate(services.sealer, LATER))
        token = await minted(StandInServices(storage, JwtOptions()), request_for_token)
        assert await opened.authenticate(Credential("bearer", Secret(token)))


async def test_a_retired_key_signs_no_more_and_verifies_until_then(
    services: StandInServices, storage: Any, request_for_token: TokenRequest
) -> None:
    old = msgspec.structs.replace(
        generate(services.sealer, START), retired_at=START + timedelta(seconds=60)
    )
    token = await _signed_by(old, services, request_for_token)
    await add(storage, old)
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        assert len(await rows(storage)) == 2
        assert old.id not in _header(await opened.mint(request_for_token))
        assert await opened.authenticate(Credential("bearer", Secret(token)))
        services.clock.move(60)
        with pytest.raises(InvalidCredential, match="key"):
            await opened.authenticate(Credential("bearer", Secret(token)))
        assert [key["kid"] for key in await opened.jwks()] != [old.id]
        assert len(await opened.jwks()) == 1


async def _signed_by(row: SigningKey, services: StandInServices, request: TokenRequest) -> str:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": row.id}
    return es256(load(row, services.sealer).private, header, claims())


async def test_notices_of_other_things_cost_no_read(
    services: StandInServices, storage: Any, request_for_token: TokenRequest
) -> None:
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        services.storage.transactions = 0
        async with storage.transaction() as tx:
            tx.changed(Change("user", "u1"))
            tx.changed(Change("session", "s1"))
        await opened.mint(request_for_token)
        assert services.storage.transactions == 0


class Slow:
    """A storage whose first read is held up before it sees the keys, or after."""

    def __init__(self, storage: Any, *, before: bool) -> None:
        self._storage = storage
        self._before = before
        self.there, self.let_go = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Any]:
        if self._before:
            await self._hold()
        async with self._storage.transaction(read_only=read_only) as tx:
            yield tx
        if not self._before:
            await self._hold()

    async def _hold(self) -> None:
        if not self.there.is_set():
            self.there.set()
            await self.let_go.wait()


@pytest.mark.parametrize("before", [True, False])
async def test_whoever_comes_after_a_key_was_retired_never_sees_it_as_it_was(
    services: StandInServices, storage: Any, request_for_token: TokenRequest, before: bool
) -> None:
    # JWT-10: neither while the keys are read again, nor by a read that began too early.
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        credential = Credential("bearer", await opened.mint(request_for_token))
        (old,) = await rows(storage)
        services.storage = slow = Slow(storage, before=before)
        if not before:
            await add(storage, generate(services.sealer, LATER))  # so that a read begins
            early = asyncio.create_task(opened.authenticate(credential))
            await slow.there.wait()
        async with storage.transaction() as tx:
            assert await tx.signing_keys.retire(old.id, services.clock.now())
            tx.changed(Change("signing_key", old.id))
        if before:
            early = asyncio.create_task(opened.authenticate(credential))
            await slow.there.wait()
        late = asyncio.create_task(opened.authenticate(credential))
        await asyncio.wait([late], timeout=0)
        slow.let_go.set()
        _, answer = await asyncio.gather(early, late, return_exceptions=True)
        assert isinstance(answer, InvalidCredential)
        assert answer.reason == "key"


async def test_a_retired_key_that_does_not_open_stops_no_start(
    services: StandInServices, storage: Any
) -> None:
    gone = msgspec.structs.replace(
        generate(services.sealer, START), sealed_private_key=b"", retired_at=START
    )
    await add(storage, gone)
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        states = {key.id: key.state for key in await opened.keys()}
        assert states.pop(gone.id) == "retired"
        assert list(states.values()) == ["signing"]


class Broken:
    """A storage that does not answer."""

    def transaction(self, *, read_only: bool = False) -> Any:
        raise StorageError("gone")


async def test_a_read_that_failed_is_made_again(
    services: StandInServices, storage: Any, request_for_token: TokenRequest
) -> None:
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        row = generate(services.sealer, LATER)
        await add(storage, row)
        whole, services.storage = services.storage, Broken()
        with pytest.raises(StorageError):
            await opened.mint(request_for_token)
        services.storage = whole
        assert row.id in _header(await opened.mint(request_for_token))


async def test_while_the_database_is_gone_known_keys_go_on_verifying(
    services: StandInServices, request_for_token: TokenRequest
) -> None:
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        token = await opened.mint(request_for_token)
        services.clock.move(10)
        services.storage = Broken()
        made_up = es256(
            ec.generate_private_key(ec.SECP256R1()),
            {"alg": "ES256", "typ": "at+jwt", "kid": "made up"},
            claims(),
        )
        with pytest.raises(StorageError):
            await opened.authenticate(Credential("bearer", Secret(made_up)))
        assert await opened.authenticate(Credential("bearer", token))


async def test_a_key_that_turns_out_bad_later_is_logged_and_the_others_stay(
    services: StandInServices, storage: Any, request_for_token: TokenRequest
) -> None:
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        token = await opened.mint(request_for_token)
        await add(
            storage, msgspec.structs.replace(generate(services.sealer, START), algorithm="RS256")
        )
        assert await opened.authenticate(Credential("bearer", token))
        assert [event for _, event, _ in services.log.lines] == ["signing_key_refused"]


async def test_without_a_key_that_signs_minting_says_unavailable(
    services: StandInServices, request_for_token: TokenRequest
) -> None:
    ring = KeyRing(services)  # never opened, so no key was made
    with pytest.raises(Unavailable):
        await JwtAuthenticator(services, ring).mint(request_for_token)
