"""What the kind `jwt` is called, how it is configured, how it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from agentbox.plugin import AuthenticatorType, Options, Services
from agentbox.plugin.options import Secret

SHORTEST_ROTATION = timedelta(days=1)


class JwtOptions(Options, frozen=True):
    """`[plugins.jwt]`. With `secret`, tokens are signed with HS256 instead of ES256.

    With `rotate_every`, a new key is announced once the newest has signed for so long.
    """

    secret: Secret | None = None
    rotate_every: timedelta | None = None

    def check(self) -> list[str]:
        """Refuses secrets that anyone could guess or look up (JWT-06); never shows them."""
        from agentbox.model.formats.secret_strength import weakness

        faults = []
        if self.secret is not None and (fault := weakness(self.secret.reveal())) is not None:
            faults.append(f"secret {fault}; make one with: agentbox secret new")
        if self.rotate_every is not None and self.rotate_every < SHORTEST_ROTATION:
            faults.append("rotate_every must be at least 1d: old keys verify for a day")
        return faults

    def weaknesses(self) -> list[str]:
        """A schedule that a shared secret leaves without effect."""
        if self.rotate_every is None or self.secret is None:
            return []
        return ["rotate_every does nothing while secret is set: a shared secret is not rotated."]


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
