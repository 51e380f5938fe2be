"""Each algorithm that may be configured: its own signatures hold, and no others."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.algorithms import Algorithm as Signing
from jwt.algorithms import get_default_algorithms

from agentbox.model.formats.jose import parse
from agentbox.web.outgoing.client import OutgoingHttp
from agentbox_oidc.jwks import RemoteKeys
from agentbox_oidc.options import Algorithm
from tests.live import ShiftedClock
from tests.openid.fake_provider import FakeProvider, Json, encoded, rsa_key
from tests.openid.scene import scene_at

ALGORITHMS: tuple[str, ...] = get_args(Algorithm)

ACCESS_TOKEN = "canary-access-of-all"

CURVES: Mapping[str, Callable[[], Any]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}


class Pair(NamedTuple):
    """A private key, and how its public half is published."""

    private: Any
    jwk: Json


@cache
def pair(kind: str, number: int) -> Pair:
    """For an algorithm; another one for each number."""
    signing = method(kind)
    private: Any
    if kind in CURVES:
        private = ec.generate_private_key(CURVES[kind]())
    elif kind == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = rsa_key(number)
    jwk = signing.to_jwk(private.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return Pair(private, jwk | {"kid": "first", "use": "sig"})


def method(kind: str) -> Signing:
    return get_default_algorithms()[kind]


def signed(kind: str, key: Pair, claims: Json, *, said: str | None = None) -> str:
    """By an algorithm, which the header names unless it says another."""
    text = f"{encoded({'alg': said or kind, 'kid': 'first'})}.{encoded(claims)}"
    return f"{text}.{encoded(method(kind).sign(text.encode(), key.private))}"


@pytest.fixture
async def http() -> AsyncIterator[OutgoingHttp]:
    """The server's own client."""
    async with OutgoingHttp.opened() as opened:
        yield opened


@pytest.mark.parametrize("kind", ALGORITHMS)
async def test_a_sign_in_holds_by_the_algorithm_that_is_configured(
    folder: Path, clock: ShiftedClock, provider: FakeProvider, kind: str
) -> None:  # OA-03
    provider.metadata = {"id_token_signing_alg_values_supported": [kind]}
    provider.published = [pair(kind, 1).jwk]
    provider.id_token = lambda header, claims: signed(kind, pair(kind, 1), claims)
    provider.token_answer = {"access_token": ACCESS_TOKEN}
    provider.claims = {"at_hash": half(kind)}
    async with scene_at(folder, clock, provider, algorithm=kind) as scene:
        answer = await scene.sign_in()
        assert answer.status == 200, answer.text

        provider.id_token = lambda header, claims: signed(kind, pair(kind, 2), claims)
        assert (await scene.sign_in()).error == "invalid_grant"
        assert await scene.refusals() == ["id_token_signature"]


def half(kind: str) -> str:
    """`at_hash` of the access token, whose hash goes with the algorithm."""
    digest = hashlib.new(f"sha{kind[-3:] if kind[-1].isdigit() else 512}", ACCESS_TOKEN.encode())
    return encoded(digest.digest()[: digest.digest_size // 2])


@pytest.mark.parametrize("kind", ALGORITHMS)
@pytest.mark.parametrize("named", [True, False], ids=["named", "not named"])
async def test_no_signature_of_another_algorithm_holds(
    http: OutgoingHttp, provider: FakeProvider, clock: ShiftedClock, kind: str, named: bool
) -> None:  # OA-03: whether its key says what it is for or not
    taken = []
    client = http.to([provider.issuer])
    for other in ALGORITHMS:
        provider.published = [pair(other, 1).jwk | ({"alg": other} if named else {})]
        keys = RemoteKeys(client, f"{provider.issuer}/keys", kind, clock)
        if await keys.verifies(parse(signed(other, pair(other, 1), {"sub": "ada"}, said=kind))):
            taken.append(other)

    assert taken == [kind]
