"""Abilities around credentials. Implement those you can, on one object or on several.

- `RequestAuthenticator` judges the credential of every request.
- `LoginMethod` signs a person in, in one or more steps; `PasswordAuthenticator` and
  `RedirectAuthenticator` are small bases over it.
- `PasswordHasher` makes and checks password hashes.
- `TokenIssuer` mints access tokens and publishes the keys that verify them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from msgspec import Struct

from agentbox.errors import Conflict
from agentbox.model.access.roles import Role
from agentbox.model.evidence import Authentication, Credential, Identity
from agentbox.model.principal import Origin
from agentbox.model.secret import Secret
from agentbox.model.signing_keys import KeyState, SigningKey
from agentbox.plugin.options import NoOptions, Options
from agentbox.plugin.services import Services


class AuthenticatorType(Struct, frozen=True, kw_only=True):
    """What `agentbox_authenticator_types` returns: a kind of authenticator and how to open one.

    `open(services)` gives an async context manager; the object inside has one or more of the
    abilities of this module, and lives until the server stops; policies are offered by a
    `PolicyType`. `services.options` are the instance's options, already of type `options`.
    """

    name: str
    open: Callable[[Services], AbstractAsyncContextManager[object]]
    options: type[Options] = NoOptions
    description: str = ""


class RequestAuthenticator(ABC):
    """Judges credentials that come with requests."""

    cacheable: ClassVar[bool] = False
    """True if a good answer stays good until its expiry, apart from what the core itself asks on
    every request (the user, the session, the API key). Then it is remembered for at most 30 s."""

    @abstractmethod
    def recognises(self, credential: Credential) -> bool:
        """Whether this kind is mine, by its shape alone: pure, no I/O, never raises."""

    @abstractmethod
    async def authenticate(self, credential: Credential) -> Authentication:
        """Who this is and how they showed it.

        Raises `InvalidCredential` if it does not hold. Never returns a role; the core works out
        what the subject may do. Anything else raised answers 503 and asks nobody else.
        """


class LoginContext(Struct, frozen=True, kw_only=True):
    """Around a login: when and from where."""

    now: datetime
    origin: Origin


class PasswordLogin(Struct, frozen=True):
    """Data of a first step with a name and a password, both exactly as given."""

    username: str
    password: Secret


class LoginProvider(Struct, frozen=True):
    """A site that people sign in at. `id` stands in our addresses, as `/auth/{id}/callback`, and
    `name` on the button. `issuer` is that of its identities; no two providers have the same one."""

    id: str
    name: str
    issuer: str | None = None


class RedirectLogin(Struct, frozen=True):
    """Data of a first step that sends the browser to the site of `provider`, by its id.

    `fresh` wants the person to be authenticated there anew, as by `max_age=0` (OpenID Connect Core
    section 3.1.2.1), and the identity to say when: an answer of before is to be refused.
    """

    provider: str
    fresh: bool = False


class AccountPolicy(Struct, frozen=True, kw_only=True):
    """What becomes of an identity that no user is linked to yet. By default it is refused.

    `auto_provision` makes a user of the lowest role. `link_verified_email` links it to the user
    whose e-mail address is the same, if both are verified and the user is no admin.
    """

    auto_provision: bool = False
    link_verified_email: bool = False


class Verified(Struct, frozen=True):
    """The login holds; the core finds the user of this identity.

    `password_set_at` is the `updated_at` of the password record that was judged, if one was. The
    core refuses the login if that password is no longer the one there, however close the race.
    `password_reset` is the digest of the waiting reset secret that was given as the password, if it
    was one. The core uses it up where the session begins, and refuses the login if it can't.
    """

    identity: Identity
    password_set_at: datetime | None = None
    password_reset: bytes | None = None
    accounts: AccountPolicy = AccountPolicy()


class Challenge(Struct, frozen=True, kw_only=True):
    """Right so far, and another step is needed.

    `kind` names the step (`redirect`, `totp` …), `data` is for the client, `state` is sealed and
    comes back to `advance` once, within ten minutes.
    """

    kind: str
    state: bytes
    data: Mapping[str, Any] = {}


class NotMine(Struct, frozen=True):
    """This method does not know that login; the next one is asked."""


LoginAnswer = Verified | Challenge | NotMine


class LoginMethod(ABC):
    """Signs a person in, in one or more steps."""

    @abstractmethod
    async def begin(self, context: LoginContext, data: Struct) -> LoginAnswer:
        """The first step. `NotMine` for data of a kind or a name that this method does not know.

        Raises `LoginFailed` if it is mine and wrong.
        """

    async def advance(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        """A further step, with the `state` of the challenge before it."""
        return NotMine()


class PasswordAuthenticator(LoginMethod):
    """The base for methods that judge a name and a password."""

    async def begin(self, context: LoginContext, data: Struct) -> LoginAnswer:
        """`verify` for password logins, `NotMine` for all others."""
        if isinstance(data, PasswordLogin):
            return await self.verify(context, data)
        return NotMine()

    @abstractmethod
    async def verify(self, context: LoginContext, login: PasswordLogin) -> LoginAnswer:
        """As `begin`. Take the same time whether or not the name exists."""


class RedirectAuthenticator(LoginMethod):
    """The base for methods that send the browser to another site and read what comes back.

    The core keeps the state of a flow sealed, gives it back once, within ten minutes, to the
    browser that began it, and finds or makes the user. The method judges the site's answer and
    nothing else.
    """

    @property
    @abstractmethod
    def providers(self) -> Sequence[LoginProvider]:
        """The sites that it signs people in by; their ids are unique in a deployment."""

    async def begin(self, context: LoginContext, data: Struct) -> LoginAnswer:
        """A `redirect` challenge for redirect logins, `NotMine` for all others."""
        if isinstance(data, RedirectLogin):
            return await self.start(context, data)
        return NotMine()

    async def advance(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        """`finish`, with what the other site sent along."""
        return await self.finish(context, state, data)

    @abstractmethod
    async def start(self, context: LoginContext, login: RedirectLogin) -> Challenge:
        """A challenge of kind `redirect` with `data["url"]`, where the browser is sent.

        The core puts the `state` parameter (RFC 6749 section 4.1.1) into that address itself.
        Raises `OutboundFailed` where the site has to be asked for something and does not answer.
        """

    @abstractmethod
    async def finish(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        """Judge the answer of the other site: `data` holds the parameters of the callback.

        Gives `Verified`. Raises `LoginFailed` with a reason of its own for each thing that can be
        wrong, and `OutboundFailed` where the site does not answer.
        """


class PasswordHasher(ABC):
    """Makes and checks hashes of passwords; slow on purpose, off the loop and bounded.

    Raises `Overloaded` where too many are waiting.
    """

    @abstractmethod
    async def hash(self, password: Secret) -> str:
        """A new hash of the password, with the current parameters."""

    @abstractmethod
    async def matches(self, password_hash: str, password: Secret) -> bool:
        """Whether the password has that hash."""


class TokenRequest(Struct, frozen=True, kw_only=True):
    """What an access token is to say (RFC 9068 section 2.2). `typ` is its class, `at+jwt`.

    `extra_claims` come from the enabled `TokenClaims`; they never replace a claim of our own.
    """

    typ: Literal["at+jwt"] = "at+jwt"
    subject: str
    session_id: str
    client_id: str
    role: Role
    audience: str
    issued_at: datetime
    expires_at: datetime
    extra_claims: Mapping[str, str | int | bool] = {}


class IssuerKey(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may be told of a key that signs tokens."""

    id: str
    algorithm: str
    state: KeyState
    created_at: datetime | None = None
    signs_from: datetime | None = None
    retired_at: datetime | None = None


class TokenIssuer(ABC):
    """Mints access tokens."""

    @abstractmethod
    async def mint(self, request: TokenRequest) -> Secret:
        """A signed token."""

    async def ready(self) -> bool:
        """Whether it could mint now; a server whose issuer is not ready takes no traffic."""
        return True

    @abstractmethod
    async def jwks(self) -> Sequence[Mapping[str, str]]:
        """The public keys (RFC 7517) that verify tokens of this issuer; none for shared secrets."""

    async def keys(self) -> Sequence[IssuerKey]:
        """The keys that it signs and verifies with or did, oldest first.

        Raises `Conflict` where they can't be told.
        """
        raise Conflict("The keys of this token issuer can't be listed.")

    @property
    def rotate_every(self) -> timedelta | None:
        """How long a key signs before the core puts a new one in its place, as by command; None
        for only by command."""
        return None

    async def make_key(self) -> SigningKey:
        """A new key that nothing knows yet; the core stores it, and thereby rotates.

        Then `Change("signing_key")` says that the stored keys are others. Raises `Conflict`, with a
        sentence on what to do instead, where keys are not rotated by command.
        """
        raise Conflict("The keys of this token issuer can't be rotated by agentbox.")
