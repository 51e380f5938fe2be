"""What a stranger makes of all that is public about the keys of a running server."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from jwt import PyJWK

from agentbox.model.formats.jose import parse
from tests.e2e.people import People
from tests.live import Live
from tests.plugins.access_tokens.forge import encoded, hmac_token
from tests.plugins.access_tokens.test_algorithms import SERIALISATIONS

HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def claims_of(token: str) -> dict[str, Any]:
    return dict(json.loads(parse(token).payload))


async def published(live: Live) -> dict[str, Any]:
    (jwk,) = (await live.anonymous.get("/.well-known/jwks.json")).body["keys"]
    return dict(jwk)


async def statuses(live: Live, tokens: list[str]) -> set[int]:
    return {(await live.with_token(token).get("/auth/me")).status for token in tokens}


@pytest.mark.parametrize("algorithm", HASHES)
async def test_no_form_of_the_published_key_signs_a_super_admin_in(
    live: Live, people: People, algorithm: str
) -> None:
    # JWT-02: from jwks.json alone, with claims that are good in all else.
    jwk, claims = await published(live), claims_of(people.super_admin.token)
    public = PyJWK(jwk).key
    keys = [form(public, jwk) for form in SERIALISATIONS.values()]
    header = {"alg": algorithm, "typ": "at+jwt", "kid": jwk["kid"]}
    forged = [hmac_token(key, header, claims, HASHES[algorithm]) for key in keys]
    forged.append(hmac_token(key_set(jwk), header | {"kid": "hs256"}, claims))

    assert len(forged) > 17
    assert await statuses(live, forged) == {401}


def key_set(jwk: dict[str, Any]) -> bytes:
    return json.dumps({"keys": [jwk]}, separators=(",", ":")).encode()


async def test_no_algorithm_but_the_keys_own_signs_anybody_in(live: Live, people: People) -> None:
    # JWT-01: a good token with another header, and no signature or its own.
    head, body, signature = people.super_admin.token.split(".")
    header = dict(parse(people.super_admin.token).header)
    named: list[Any] = ["none", "None", "NONE", "nOnE", "", "ES384", "ES512", "ES256K", "RS256"]
    named += ["PS256", "EdDSA", "HS256", "es256", " ES256", "ES256 ", None, 0, True, ["ES256"], {}]
    bent = [header | {"alg": name} for name in named]
    bent.append({name: value for name, value in header.items() if name != "alg"})
    forged = [f"{encoded(each)}.{body}.{rest}" for each in bent for rest in ("", signature)]
    forged.append(f"{head}.{body}.{encoded(hmac.digest(b'', body.encode(), hashlib.sha256))}")

    assert await statuses(live, forged) == {401}


async def test_claims_under_the_signature_of_others_are_refused(live: Live, people: People) -> None:
    # JWT-01, JWT-08: nothing of a token is believed before its signature holds.
    token = people.user.token
    head, _, signature = token.split(".")
    claims = claims_of(token)
    admin = claims_of(people.super_admin.token)
    changed = [
        claims | {"sub": admin["sub"]}, claims | {"sid": admin["sid"]}, admin,
        claims | {"role": "super_admin"}, claims | {"exp": claims["exp"] + 10**6},
    ]  # fmt: skip
    assert await statuses(live, [f"{head}.{encoded(each)}.{signature}" for each in changed]) == {
        401
    }
