"""Keys that sign and verify, and the signature layer alone.

The algorithm belongs to the key (RFC 8725 section 3.1): a token's `alg` only has to agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm, HMACAlgorithm
from jwt.exceptions import InvalidKeyError
from msgspec import Struct

from agentbox.errors import StartError
from agentbox.model.formats.jose import CompactJws
from agentbox.model.ids import new_id
from agentbox.model.secret import Secret
from agentbox.model.signing_keys import SigningKey
from agentbox.plugin import Sealer

HS256_KEY_ID = "hs256"
"""The `kid` of the one shared secret; ids of key pairs are longer, so they never meet."""

_HS256 = HMACAlgorithm(HMACAlgorithm.SHA256)
_ES256 = ec.ECDSA(SHA256())
# What a public JWK of ours may say, and must say if it says it (RFC 7517 section 4).
_PUBLIC_JWK: Mapping[str, tuple[object, ...]] = {
    "kty": ("EC",),
    "crv": ("P-256",),
    "alg": ("ES256",),
    "use": ("sig",),
    "key_ops": ("verify", ["verify"], ("verify",)),
}


class Key(Struct, frozen=True, kw_only=True):
    """A key record: what signs, what verifies, and what may be published of it."""

    id: str
    algorithm: Literal["ES256", "HS256"]
    private: Any
    public: Any
    public_jwk: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"Key({self.id!r}, {self.algorithm!r})"


def signature_holds(key: Key, jws: CompactJws) -> bool:
    """Whether `jws` names the key's own algorithm and is signed with the key."""
    if jws.algorithm != key.algorithm:
        return False
    if key.algorithm == "ES256":
        return _ecdsa_holds(key.public, jws)
    return _HS256.verify(jws.signing_input, key.public, jws.signature)


def _ecdsa_holds(public: ec.EllipticCurvePublicKey, jws: CompactJws) -> bool:
    """RFC 7518 section 3.4: r and s, 32 bytes each. Every request without a cache comes here."""
    if len(jws.signature) != 64:
        return False
    r, s = int.from_bytes(jws.signature[:32], "big"), int.from_bytes(jws.signature[32:], "big")
    try:
        public.verify(encode_dss_signature(r, s), jws.signing_input, _ES256)
    except InvalidSignature:
        return False
    return True


def from_secret(secret: Secret) -> Key:
    """The HS256 key that is the UTF-8 bytes of a secret. Raises `StartError`."""
    try:
        material = _HS256.prepare_key(secret.reveal().encode("utf-8"))
    except (InvalidKeyError, UnicodeEncodeError):
        # A public key as an HMAC secret is the classic confusion (CVE-2022-29217).
        raise StartError("[plugins.jwt] secret is a key pair or a certificate") from None
    return Key(id=HS256_KEY_ID, algorithm="HS256", private=material, public=material)


def generate(sealer: Sealer, now: datetime) -> SigningKey:
    """A new ES256 key pair as it is kept, its private half sealed to its row."""
    key_id = new_id()
    private = ec.generate_private_key(ec.SECP256R1())
    encoded = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SigningKey(
        id=key_id,
        algorithm="ES256",
        public_jwk=_public_jwk(key_id, private),
        sealed_private_key=sealer.seal(encoded, place=_place(key_id)),
        created_at=now,
    )


def load(row: SigningKey, sealer: Sealer) -> Key:
    """The key of a row. Raises `StartError` if it is not, in every member, an ES256 signing key."""
    check_public_jwk(row)
    try:
        private = load_der_private_key(
            sealer.open(row.sealed_private_key, place=_place(row.id)), None
        )
    except ValueError:
        raise StartError(f"signing key {row.id}: the private key can't be read") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise StartError(f"signing key {row.id}: the private key is not one for ES256")
    published = _public_jwk(row.id, private)
    if any(row.public_jwk.get(name) != published[name] for name in ("x", "y")):
        raise StartError(f"signing key {row.id}: the public and the private key differ")
    return Key(
        id=row.id,
        algorithm="ES256",
        private=private,
        public=private.public_key(),
        public_jwk=published,
    )


def check_public_jwk(row: SigningKey) -> None:
    """Raises `StartError` where kty, crv, alg, use or key_ops say that this is no ES256 key."""
    if row.algorithm != "ES256":
        raise StartError(f"signing key {row.id}: its algorithm is not ES256")
    if not {"kty", "crv", "x", "y"} <= set(row.public_jwk):
        raise StartError(f"signing key {row.id}: its JWK is not whole")
    if {"d", "k"} & set(row.public_jwk):
        raise StartError(f"signing key {row.id}: its public JWK holds a private key")
    for name, allowed in (*_PUBLIC_JWK.items(), ("kid", (row.id,))):
        if name in row.public_jwk and row.public_jwk[name] not in allowed:
            raise StartError(f"signing key {row.id}: {name} of its JWK does not fit ES256")


def _public_jwk(key_id: str, private: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {name: str(jwk[name]) for name in ("kty", "crv", "x", "y")} | {
        "kid": key_id,
        "alg": "ES256",
        "use": "sig",
    }


def _place(key_id: str) -> str:
    return f"signing_keys:private_key:{key_id}"
