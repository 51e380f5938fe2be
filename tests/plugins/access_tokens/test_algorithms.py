"""The algorithm is the key's, whatever a token says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agentbox.errors import InvalidCredential
from agentbox.model.secret import Secret
from agentbox_jwt.authenticator import JwtAuthenticator
from agentbox_jwt.descriptor import JWT_TYPE, JwtOptions
from tests.plugins.access_tokens.conftest import Issuer
from tests.plugins.access_tokens.forge import claims, encoded, es256, hmac_token

NONES = ["none", "None", "NONE", "nOnE", "nonE", " none", "none ", "none\n", "nоne", ""]


@pytest.mark.parametrize("algorithm", NONES, ids=repr)
async def test_no_spelling_of_none_is_an_algorithm(
    issuer: Issuer, algorithm: str
) -> None:  # JWT-01
    body = f"{encoded(issuer.header | {'alg': algorithm})}.{encoded(claims())}"
    honest = issuer.sign(claims()).rpartition(".")[2]
    for signature in ("", encoded(b"x"), honest):
        with pytest.raises(InvalidCredential):
            await issuer.judge(f"{body}.{signature}")


@pytest.mark.parametrize(
    "algorithm",
    [
        *("es256", "Es256", "ES256 ", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519"),
        *("RS256", "RS384", "RS512", "PS256", "PS512", "HS256", "HS384", "HS512", "A128GCM", "dir"),
        *(1, None, True, ["ES256"], {"ES256": 1}, ...),
    ],
    ids=repr,
)
async def test_a_right_signature_under_another_algorithm_is_refused(
    issuer: Issuer, algorithm: Any
) -> None:  # JWT-01
    with pytest.raises(InvalidCredential):
        await issuer.judge(issuer.sign(claims(), alg=algorithm))


async def test_a_right_signature_under_the_keys_own_algorithm_holds(issuer: Issuer) -> None:
    assert (await issuer.judge(issuer.sign(claims()))).session_id == "s1"


async def test_a_signature_of_another_key_is_refused(issuer: Issuer) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(InvalidCredential, match="signature"):
        await issuer.judge(es256(other, issuer.header, claims()))


async def test_a_signature_in_der_is_refused(issuer: Issuer) -> None:
    from cryptography.hazmat.primitives.hashes import SHA256

    body = f"{encoded(issuer.header)}.{encoded(claims())}"
    der = issuer.key.private.sign(body.encode(), ec.ECDSA(SHA256()))
    with pytest.raises(InvalidCredential, match="signature"):
        await issuer.judge(f"{body}.{encoded(der)}")


def pem(key: Any) -> bytes:
    text: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text


def der(key: Any) -> bytes:
    data: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data


def point(key: Any, form: PublicFormat) -> bytes:
    data: bytes = key.public_bytes(Encoding.X962, form)
    return data


def raw(jwk: Any, *names: str) -> bytes:
    return b"".join(base64.urlsafe_b64decode(jwk[name] + "=") for name in names)


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


Serialisation = Callable[[Any, Any], bytes]
SERIALISATIONS: dict[str, Serialisation] = {
    "PEM": lambda key, jwk: pem(key),
    "PEM without the last newline": lambda key, jwk: pem(key).rstrip(),
    "PEM with CRLF": lambda key, jwk: pem(key).replace(b"\n", b"\r\n"),
    "PEM after a newline": lambda key, jwk: b"\n" + pem(key),
    "PEM after spaces": lambda key, jwk: b"   " + pem(key),
    "PEM after a tab, before two newlines": lambda key, jwk: b"\t" + pem(key) + b"\n",
    "PEM with indented lines": lambda key, jwk: pem(key).replace(b"\n", b"\n  "),
    "PEM in one line": lambda key, jwk: pem(key).replace(b"\n", b""),
    "PEM with escaped newlines": lambda key, jwk: pem(key).replace(b"\n", b"\\n"),
    "PEM without its first and last line": lambda key, jwk: b"".join(pem(key).split(b"\n")[1:-2]),
    "DER": lambda key, jwk: der(key),
    "DER in hex": lambda key, jwk: der(key).hex().encode(),
    "uncompressed point": lambda key, jwk: point(key, PublicFormat.UncompressedPoint),
    "compressed point": lambda key, jwk: point(key, PublicFormat.CompressedPoint),
    "SSH": lambda key, jwk: key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    "JWK": lambda key, jwk: json.dumps(jwk).encode(),
    "JWK, compact": lambda key, jwk: compact(jwk),
    "JWK, its four members, sorted (RFC 7638)": lambda key, jwk: compact(
        {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    ),
    "JWKS": lambda key, jwk: json.dumps({"keys": [jwk]}).encode(),
    "JWKS, compact": lambda key, jwk: compact({"keys": [jwk]}),
    "JWKS, indented": lambda key, jwk: json.dumps({"keys": [jwk]}, indent=2).encode(),
    "x": lambda key, jwk: raw(jwk, "x"),
    "x as text": lambda key, jwk: jwk["x"].encode(),
    "x and y": lambda key, jwk: raw(jwk, "x", "y"),
    "kid": lambda key, jwk: jwk["kid"].encode(),
    "nothing": lambda key, jwk: b"",
}


@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("name", SERIALISATIONS)
async def test_what_is_public_authenticates_nothing(
    issuer: Issuer, name: str, hash_name: str
) -> None:  # JWT-02
    (jwk,) = await issuer.jwt.jwks()
    key = SERIALISATIONS[name](issuer.key.public, jwk)
    algorithm = hash_name.replace("sha", "HS")
    for kid in (issuer.key.id, "hs256", "", ...):
        header = {"alg": algorithm, "typ": "at+jwt"} | ({} if kid is ... else {"kid": kid})
        with pytest.raises(InvalidCredential):
            await issuer.judge(hmac_token(key, header, claims(), hash_name))
    with pytest.raises(InvalidCredential):
        await issuer.judge(hmac_token(key, issuer.header, claims(), hash_name))


@pytest.mark.parametrize("name", SERIALISATIONS)
async def test_nor_does_it_where_a_secret_signs(issuer: Issuer, name: str) -> None:  # JWT-02
    (jwk,) = await issuer.jwt.jwks()
    key = SERIALISATIONS[name](issuer.key.public, jwk)
    issuer.services.options = JwtOptions(secret=Secret("a-q9vK2mZ7xW4tB8nR1cY6uE3sH5jL0pD"))
    async with JWT_TYPE.open(issuer.services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        shared = Issuer(issuer.services, opened, None)
        for kid in (issuer.key.id, "hs256"):
            header = {"alg": "HS256", "typ": "at+jwt", "kid": kid}
            with pytest.raises(InvalidCredential):
                await shared.judge(hmac_token(key, header, claims()))


def test_there_are_as_many_serialisations_as_the_requirement_asks_for() -> None:
    assert len(SERIALISATIONS) >= 17
