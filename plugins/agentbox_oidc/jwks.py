"""The keys that a provider signs ID tokens with, fetched when they are needed and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.exceptions import PyJWTError

from agentbox.errors import OutboundFailed
from agentbox.model.formats.jose import CompactJws
from agentbox.plugin import Clock, HttpClient

ASK_AGAIN: Final = 10.0
"""Seconds between two fetches, whatever they are for (JWT-04): ids are what anybody writes."""

KEEP: Final = 3600.0
"""Seconds after which keys are fetched anew: one that was withdrawn is not trusted on."""

MOST_KEYS: Final = 64
"""Keys that are looked into, of those that may verify."""

_TYPES: Final[Mapping[str, str]] = {"R": "RSA", "P": "RSA", "E": "EC"}
_CURVES: Final[Mapping[str, str]] = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


class RemoteKeys:
    """A provider's signing keys for one algorithm. What a token says of keys is never looked at but
    for its `kid`."""

    def __init__(self, client: HttpClient, url: str, algorithm: str, clock: Clock) -> None:
        self._client = client
        self._url = url
        self._algorithm = algorithm
        self._clock = clock
        self._keys: Sequence[tuple[str | None, jwt.PyJWK]] = ()
        self._fetched = self._tried = float("-inf")
        self._failure: tuple[str, str] | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End a fetch that is under way; whoever waits for it is told that it took too long."""
        if (fetching := self._fetching) is not None:
            fetching.cancel()
            await asyncio.wait([fetching])

    async def verifies(self, token: CompactJws) -> bool | None:
        """Whether one key of the provider, the one that the token names, has signed it; None if
        there is no such key, or more than one.

        Raises `OutboundFailed` where the keys are not there and can't be had.
        """
        key = None if self._stale() else self._find(token.key_id)
        if key is not None:
            signed = _signed(token, key)
            if signed or token.key_id is not None:
                return signed
        # A key that is not known yet, or the one without a name, which may be another one by now.
        await self._fetch()
        key = self._find(token.key_id)
        return None if key is None else _signed(token, key)

    def _stale(self) -> bool:
        return self._clock.monotonic() - self._fetched >= KEEP

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        """Without an id in the token only a single key can be meant (OIDC Core section 10.1)."""
        if key_id is None:
            return self._keys[0][1] if len(self._keys) == 1 else None
        named = [key for id_, key in self._keys if id_ == key_id]
        return named[0] if len(named) == 1 else None

    async def _fetch(self) -> None:
        """Fetch, unless that was tried a moment ago: then what came of it still stands."""
        now = self._clock.monotonic()
        if self._fetching is None and now - self._tried >= ASK_AGAIN:
            self._tried = now
            self._failure = ("timeout", "")  # if it is ended
            self._fetching = asyncio.create_task(self._keep_what_comes(now))
        if (fetching := self._fetching) is not None:
            # It goes on when we give up: a provider that is slow throughout would never be done.
            await asyncio.wait([fetching])
            if not fetching.cancelled():
                fetching.result()
        if self._failure is not None:
            raise OutboundFailed(*self._failure)

    async def _keep_what_comes(self, now: float) -> None:
        try:
            self._keys = await self._asked()
            self._fetched, self._failure = now, None
        except OutboundFailed as failure:
            self._failure = (failure.reason, str(failure))
        finally:
            self._fetching = None

    async def _asked(self) -> Sequence[tuple[str | None, jwt.PyJWK]]:
        answer = await self._client.get(self._url)
        if answer.status != 200:
            raise OutboundFailed("status", f"keys answer {answer.status}")
        return _usable(answer.body.get("keys"), self._algorithm)


def _signed(token: CompactJws, key: jwt.PyJWK) -> bool:
    try:
        return bool(key.Algorithm.verify(token.signing_input, key.key, token.signature))
    except (PyJWTError, ValueError, TypeError):
        return False


def _usable(listed: object, algorithm: str) -> Sequence[tuple[str | None, jwt.PyJWK]]:
    """The keys of a JWK set (RFC 7517 section 5) that may verify with this algorithm."""
    if not isinstance(listed, list):
        raise OutboundFailed("content", "no list of keys")
    fit = [jwk for jwk in listed if isinstance(jwk, dict) and _may_verify(jwk, algorithm)]
    found = []
    for jwk in fit[:MOST_KEYS]:
        try:
            key = jwt.PyJWK(jwk, algorithm)
        except (PyJWTError, ValueError, TypeError, KeyError):
            continue
        if not isinstance(key.key, RSAPublicKey) or key.key.key_size >= 2048:
            found.append((jwk.get("kid"), key))
    return found


def _may_verify(jwk: Mapping[str, Any], algorithm: str) -> bool:
    """RFC 7517 section 4: what a key says of itself must allow what we want of it."""
    kid = jwk.get("kid")
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("kty") == ("OKP" if algorithm == "EdDSA" else _TYPES[algorithm[0]])
        and jwk.get("crv") == _CURVES.get(algorithm, jwk.get("crv"))
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and jwk.get("alg", algorithm) == algorithm
        and (kid is None or isinstance(kid, str))
        and not {"d", "k", "p", "q"} & set(jwk)
    )
