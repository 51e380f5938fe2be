"""Keys and secrets that are refused: at odds with themselves, weak, or for something else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from agentbox.errors import StartError
from agentbox.model.secret import Secret
from agentbox.model.signing_keys import SigningKey
from agentbox_jwt.descriptor import JWT_TYPE, JwtOptions
from agentbox_jwt.keys import generate, load
from tests.plugins.stand_in import SEALER, START, StandInServices

SECRET = "a-q9vK2mZ7xW4tB8nR1cY6uE3sH5jL0pD"


async def opened(services: StandInServices) -> None:
    async with JWT_TYPE.open(services):
        pass


def der(private: Any) -> bytes:
    encoded: bytes = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return encoded


P384 = der(ec.generate_private_key(ec.SECP384R1()))
OTHER = der(ec.generate_private_key(ec.SECP256R1()))

DISAGREEMENTS: list[dict[str, Any]] = [
    {"algorithm": "RS256"},
    {"algorithm": "HS256"},
    {"algorithm": "none"},
    {"algorithm": ""},
    {"jwk": {"kty": "RSA"}},
    {"jwk": {"kty": "oct"}},
    {"jwk": {"kty": ...}},
    {"jwk": {"crv": "P-384"}},
    {"jwk": {"crv": "secp256k1"}},
    {"jwk": {"crv": ...}},
    {"jwk": {"alg": "ES384"}},
    {"jwk": {"alg": "HS256"}},
    {"jwk": {"use": "enc"}},
    {"jwk": {"use": ""}},
    {"jwk": {"key_ops": ["encrypt"]}},
    {"jwk": {"key_ops": ["verify", "encrypt"]}},
    {"jwk": {"key_ops": []}},
    {"jwk": {"key_ops": ["sign"]}},
    {"jwk": {"kid": "another"}},
    {"jwk": {"d": "AAAA"}},
    {"jwk": {"k": "AAAA"}},
    {"jwk": {"x": ...}},
    {"jwk": {"y": "AAAA"}},
    {"private": b"rubbish"},
    {"private": b""},
    {"private": P384},
    {"private": OTHER},
]


def altered(row: SigningKey, wrong: dict[str, Any]) -> SigningKey:
    jwk = {n: v for n, v in ({**row.public_jwk} | wrong.get("jwk", {})).items() if v is not ...}
    row = msgspec.structs.replace(row, public_jwk=jwk, algorithm=wrong.get("algorithm", "ES256"))
    if "private" not in wrong:
        return row
    sealed = SEALER.seal(wrong["private"], place=f"signing_keys:private_key:{row.id}")
    return msgspec.structs.replace(row, sealed_private_key=sealed)


def shown(wrong: dict[str, Any]) -> str:
    return "private" if "private" in wrong else repr(wrong)


@pytest.mark.parametrize("wrong", DISAGREEMENTS, ids=shown)
def test_a_key_that_disagrees_with_itself_is_not_loaded(wrong: dict[str, Any]) -> None:  # JWT-06
    row = altered(generate(SEALER, START), wrong)
    with pytest.raises(StartError, match=row.id):
        load(row, SEALER)


@pytest.mark.parametrize("wrong", [{"algorithm": "RS256"}, {"jwk": {"use": "enc"}}], ids=repr)
async def test_a_key_that_disagrees_with_itself_stops_the_start(
    services: StandInServices, storage: Any, wrong: dict[str, Any]
) -> None:  # JWT-06
    row = altered(generate(services.sealer, START), wrong)
    async with storage.transaction() as tx:
        await tx.signing_keys.add(row)
    with pytest.raises(StartError, match=row.id):
        await opened(services)


def test_a_key_that_names_its_operation_is_fine() -> None:
    row = altered(generate(SEALER, START), {"jwk": {"key_ops": ["verify"]}})
    assert load(row, SEALER).id == row.id


@pytest.mark.parametrize(
    "secret",
    ["", " ", "secret", "changeme", "a" * 64, "0123456789abcdef0123456789abcdef", SECRET[:31]],
)
def test_a_weak_secret_is_a_fault_that_does_not_show_it(secret: str) -> None:  # JWT-06
    (fault,) = JwtOptions(secret=Secret(secret)).check()
    assert fault.startswith("secret ")
    assert len(secret) < 8 or secret not in fault


def test_a_strong_secret_and_none_are_no_faults() -> None:
    assert JwtOptions(secret=Secret(SECRET)).check() == []
    assert JwtOptions().check() == []


async def test_a_key_pair_is_not_taken_for_a_secret(storage: Any) -> None:  # JWT-02
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(StartError, match=r"\[plugins.jwt\] secret"):
        await opened(StandInServices(storage, JwtOptions(secret=Secret(pem))))
