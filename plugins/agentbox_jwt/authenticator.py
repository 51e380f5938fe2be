"""Mints access tokens and says whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import jwt

from agentbox.errors import ExpiredCredential, InvalidCredential, StorageError, Unavailable
from agentbox.model.evidence import (
    NO_LIMIT,
    Authentication,
    Credential,
    CredentialRef,
    SubjectRef,
)
from agentbox.model.formats.jose import (
    CompactJws,
    MalformedJws,
    looks_like_jws,
    parse,
    parse_claims,
)
from agentbox.model.ids import new_id
from agentbox.model.secret import Secret
from agentbox.model.signing_keys import SigningKey
from agentbox.plugin import (
    IssuerKey,
    RequestAuthenticator,
    Services,
    TokenIssuer,
    TokenRequest,
)
from agentbox_jwt.claims import VerifiedClaims, judge
from agentbox_jwt.keyring import KeyRing
from agentbox_jwt.keys import signature_holds

# RFC 9068 section 4: the class of a token is checked, so that no other JWT passes for one.
_TYPES = frozenset({"at+jwt", "application/at+jwt"})


class JwtAuthenticator(RequestAuthenticator, TokenIssuer):
    """Access tokens (RFC 9068) of this deployment.

    A token's signature and claims don't change, so a good answer may be remembered; whether its
    user and its session still live, the core asks on every request.
    """

    cacheable = True

    def __init__(self, services: Services, keys: KeyRing) -> None:
        self._clock = services.clock
        self._issuer = services.public_url
        self._id = services.instance_id
        self._keys = keys
        shared = services.options.secret is not None
        self._rotate_every: timedelta | None = None if shared else services.options.rotate_every

    def recognises(self, credential: Credential) -> bool:
        """Anything of a compact JWS's shape in the Authorization header."""
        return credential.scheme == "bearer" and looks_like_jws(credential.value.reveal())

    async def authenticate(self, credential: Credential) -> Authentication:
        """The user and the session of the token. Raises `InvalidCredential`.

        Raises `ExpiredCredential` for a token that has run out and is good in all else.
        """
        try:
            jws = parse(credential.value.reveal())
        except MalformedJws:
            raise InvalidCredential("malformed") from None
        claims = await self._verified(jws)
        authentication = self._authentication(claims)
        if claims.expired:
            raise ExpiredCredential(authentication)
        return authentication

    async def mint(self, request: TokenRequest) -> Secret:
        """A signed token that says what `request` says, in whole seconds.

        Extra claims replace none of RFC 7519's and none of ours.
        """
        key = await self._keys.signer(request.expires_at)
        claims = {name: value for name, value in request.extra_claims.items() if name != "nbf"} | {
            "iss": self._issuer,
            "aud": request.audience,
            "sub": request.subject,
            "client_id": request.client_id,
            "exp": int(request.expires_at.timestamp()),
            "iat": int(request.issued_at.timestamp()),
            "jti": new_id(),
            "sid": request.session_id,
            "role": request.role.value,
        }
        headers = {"kid": key.id, "typ": request.typ}
        return Secret(jwt.encode(claims, key.private, algorithm=key.algorithm, headers=headers))

    async def ready(self) -> bool:
        """Whether there is a key that signs."""
        try:
            await self._keys.signer(self._clock.now())
        except (Unavailable, StorageError):
            return False
        return True

    async def jwks(self) -> Sequence[Mapping[str, str]]:
        """Public keys with kty, crv, x, y, kid, alg and use."""
        return await self._keys.published()

    async def keys(self) -> Sequence[IssuerKey]:
        """The key pairs, and the shared secret where one is set."""
        return await self._keys.told()

    @property
    def rotate_every(self) -> timedelta | None:
        """As configured; never where a shared secret signs."""
        return self._rotate_every

    async def make_key(self) -> SigningKey:
        """A key pair for ES256. Raises `Conflict` where a shared secret signs."""
        return self._keys.make()

    async def _verified(self, jws: CompactJws) -> VerifiedClaims:
        if jws.type not in _TYPES:
            raise InvalidCredential("type")
        key = None if jws.key_id is None else await self._keys.find(jws.key_id)
        if key is None:
            raise InvalidCredential("key")
        if not signature_holds(key, jws):
            raise InvalidCredential("signature")
        try:
            claims = parse_claims(jws.payload)
        except MalformedJws:
            raise InvalidCredential("claims") from None
        return judge(claims, issuer=self._issuer, audience=self._issuer, now=self._clock.now())

    def _authentication(self, claims: VerifiedClaims) -> Authentication:
        return Authentication(
            subject=SubjectRef("user", claims.subject),
            credential=CredentialRef(
                kind="session",
                id=claims.session_id,
                authenticator_id=self._id,
                expires_at=claims.expires_at,
            ),
            scope_limit=NO_LIMIT,  # a session has all that its user's role has
            environment_limit=NO_LIMIT,
            session_id=claims.session_id,
            client_id=claims.client_id,
            audience=claims.audience,
            claims=claims.all,
        )
