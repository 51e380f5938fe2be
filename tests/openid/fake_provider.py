"""An OpenID provider of the tests' own, on a real socket: right in everything, until a test twists
it. It refuses what a careful provider refuses, so that a sign-in that works shows what was sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from types import EllipsisType
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

Answerer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Json = dict[str, Any]

CLIENT_ID = "agentbox at the fake"
CLIENT_SECRET = "canary+client/secret%that stands:nowhere"
"""With all that the encoding of RFC 6749 section 2.3.1 is there for."""

RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)


class Key(NamedTuple):
    """A signing key and the name it goes by."""

    id: str | None
    private: RSAPrivateKey


class Grant(NamedTuple):
    """A code that was given out, and what for."""

    code: str
    redirect_uri: str
    nonce: str
    challenge: str
    fresh: bool


@cache
def rsa_key(number: int, bits: int = 2048) -> RSAPrivateKey:
    """The same key for the same number: making one takes a while."""
    return generate_private_key(65537, bits)


def encoded(part: Any) -> str:
    """base64url of bytes, or of the JSON of anything else."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def changed(good: Json, changes: Mapping[str, Any]) -> Json:
    """`good` with changes; `...` takes a member away."""
    return {name: value for name, value in (good | dict(changes)).items() if value is not ...}


def public_jwk(key: Key, **changes: Any) -> Json:
    """How the key is published."""
    jwk: Json = RSAAlgorithm.to_jwk(key.private.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    jwk |= {"use": "sig", "alg": "RS256"} | ({} if key.id is None else {"kid": key.id})
    return changed(jwk, changes)


def signed_by(private: RSAPrivateKey, header: Any, claims: Any) -> str:
    """A JWS with RS256."""
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(RS256.sign(text.encode(), private))}"


def keyed_by(key: bytes, header: Any, claims: Any) -> str:
    """A JWS with HS256."""
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.digest(key, text.encode(), 'sha256'))}"


def half_hash(text: str) -> str:
    """`at_hash` (OpenID Connect Core section 3.1.3.6) for RS256."""
    return encoded(hashlib.sha256(text.encode()).digest()[:16])


class FakeProvider:
    """What it answers, and how it is twisted: set an attribute, and `straighten` in the end."""

    def __init__(self, id_: str, issuer: str | None = None) -> None:
        self.id = id_
        self._issuer = issuer
        self.port = 0
        self.ahead = 0.0
        self.asked: Counter[str] = Counter()
        self.given_out: list[str] = []
        """Codes, tokens and what else must never be seen again."""

        self.faults: list[Exception] = []
        """What broke in here: a test is about something else then."""

        self._grants: dict[str, Grant] = {}
        self.straighten()

    def straighten(self) -> None:
        """Forget all twists."""
        self.subject = "subject-of-ada"
        self.person: Json = {
            "email": "ada@corp.test",
            "email_verified": True,
            "preferred_username": "ada",
        }
        self.key = Key("first", rsa_key(1))
        self.published: list[Json] = [public_jwk(self.key)]
        self.header: Json = {}
        self.claims: Json = {}
        self.id_token: Callable[[Json, Json], str | EllipsisType] = self._signed
        self.token_answer: Json = {}
        self.userinfo: Json = {}
        self.metadata: Json = {}
        self.callback: Json = {}
        self.instead: dict[str, Answerer] = {}

    @property
    def issuer(self) -> str:
        return self._issuer or f"http://127.0.0.1:{self.port}"

    def now(self) -> int:
        """Its clock."""
        return int(time.time() + self.ahead)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request: one of the five addresses, or 404."""
        name = request.path.rpartition("/")[2]
        self.asked[name] += 1
        if name in self.instead:
            return await self.instead[name](request)
        return await self.rightly(name, request)

    async def rightly(self, name: str, request: web.Request) -> web.StreamResponse:
        """What this address answers if nothing is put instead."""
        answers: dict[str, Answerer] = {
            "openid-configuration": self._discovery,
            "authorize": self._authorize,
            "token": self._token,
            "keys": self._keys,
            "userinfo": self._userinfo,
        }
        try:
            return await answers[name](request) if name in answers else web.Response(status=404)
        except Exception as fault:
            if not isinstance(fault, web.HTTPException):
                self.faults.append(fault)
            raise

    async def _discovery(self, request: web.Request) -> web.StreamResponse:
        good = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return web.json_response(changed(good, self.metadata))

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = f"canary-code-{secrets.token_urlsafe(16)}"
        redirect_uri = query["redirect_uri"]
        self._grants[code] = Grant(
            code, redirect_uri, query["nonce"], query["code_challenge"], "max_age" in query
        )
        self.given_out += [code, query["state"], query["nonce"]]
        good = {"code": code, "state": query["state"], "iss": self.issuer}
        back = urlencode(changed(good, self.callback), doseq=True)
        raise web.HTTPFound(f"{redirect_uri}?{back}")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        refused = self._refusal(form, request.headers.get("Authorization"))
        if refused is not None:
            return web.json_response({"error": refused}, status=400)
        grant = self._grants.pop(form["code"])
        access_token = f"canary-access-{secrets.token_urlsafe(16)}"
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": 300}
        header = changed({"alg": "RS256", "kid": self.key.id or ...}, self.header)
        id_token = self.id_token(header, self._claims(grant, access_token))
        self.given_out += [access_token, str(id_token), form["code_verifier"]]
        return web.json_response(changed(answer | {"id_token": id_token}, self.token_answer))

    def _refusal(self, form: Mapping[str, str], authorization: str | None) -> str | None:
        """The error of RFC 6749 section 5.2 for a request that is not as it should be."""
        pair = f"{quote_plus(CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}"
        header = f"Basic {base64.b64encode(pair.encode()).decode()}"
        by_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        wanted_in_form = "token_endpoint_auth_methods_supported" in self.metadata
        if not (by_form and authorization is None if wanted_in_form else authorization == header):
            return "invalid_client"
        if form.get("grant_type") != "authorization_code":
            return "unsupported_grant_type"
        grant = self._grants.get(form.get("code", ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            grant is None
            or grant.redirect_uri != form.get("redirect_uri")
            or grant.challenge != encoded(digest)
        ):
            return "invalid_grant"
        return None

    def _claims(self, grant: Grant, access_token: str) -> Json:
        good = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": self.subject,
            "iat": self.now(),
            "exp": self.now() + 300,
            "nonce": grant.nonce,
            "at_hash": half_hash(access_token),
            # Who asks how long ago somebody signed in is told (OpenID Connect Core section 2).
            **({"auth_time": self.now()} if grant.fresh else {}),
            **self.person,
        }
        return changed(good, self.claims)

    def _signed(self, header: Json, claims: Json) -> str:
        return signed_by(self.key.private, header, claims)

    async def _keys(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"keys": self.published})

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        if not request.headers.get("Authorization", "").startswith("Bearer canary-access-"):
            return web.json_response({"error": "invalid_token"}, status=401)
        return web.json_response(changed({"sub": self.subject, **self.person}, self.userinfo))


@asynccontextmanager
async def fake_provider(
    id_: str = "fake",
    port: int = 0,
    *,
    issuer: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[FakeProvider]:
    """One that listens, on a free port unless it is to come back on one that it had."""
    provider = FakeProvider(id_, issuer)
    async with listening(provider.handle, port, tls) as provider.port:
        yield provider
    assert provider.faults == []


@asynccontextmanager
async def listening(
    handler: Answerer, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The port of a server that answers everything with `handler`; hanging ones end with it."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.05)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls, reuse_address=True)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
