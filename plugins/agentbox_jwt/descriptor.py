"""What the kind `jwt` is called, how it is configured, how it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentbox.plugin import AuthenticatorType, Options, Services
from agentbox.plugin.options import Secret


class JwtOptions(Options, frozen=True):
    """`[plugins.jwt]`. With `secret`, tokens are signed with HS256 instead of ES256."""

    secret: Secret | None = None

    def check(self) -> list[str]:
        """Refuses secrets that anyone could guess or look up (JWT-06); never shows them."""
        from agentbox.model.formats.secret_strength import weakness

        fault = None if self.secret is None else weakness(self.secret.reveal())
        return [] if fault is None else [f"secret {fault}; make one with: agentbox secret new"]


@asynccontextmanager
async def _open(services: Services) -> AsyncIterator[object]:
    # PyJWT and cryptography are imported when the server opens, not when a command lists plugins.
    from agentbox_jwt.authenticator import JwtAuthenticator
    from agentbox_jwt.keyring import KeyRing

    keys = KeyRing(services)
    await keys.open()
    yield JwtAuthenticator(services, keys)


JWT_TYPE = AuthenticatorType(
    name="jwt",
    open=_open,
    options=JwtOptions,
    description="Access tokens as JWTs, signed with ES256, or HS256 where a secret is set.",
)
