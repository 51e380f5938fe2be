"""Makes tokens by hand, honest and forged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from jwt.algorithms import ECAlgorithm

ISSUER = "https://auth.example"
NOW = 1_795_435_200  # the instant START of the stand-in

_ES256 = ECAlgorithm(ECAlgorithm.SHA256)


def encoded(part: Any) -> str:
    """base64url of bytes, or of the JSON of anything else."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def es256(private: Any, header: Any, claims: Any) -> str:
    """A token signed with a private key."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{encoded(_ES256.sign(signed.encode(), private))}"


def hmac_token(key: bytes, header: Any, claims: Any, hash_name: str = "sha256") -> str:
    """A token authenticated with a shared key."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{encoded(hmac.digest(key, signed.encode(), hashlib.new(hash_name).name))}"


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, with changes; `...` takes a claim away."""
    good: dict[str, Any] = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "u1",
        "client_id": "agentbox",
        "exp": NOW + 900,
        "iat": NOW,
        "jti": "j1",
        "sid": "s1",
        "role": "user",
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}
