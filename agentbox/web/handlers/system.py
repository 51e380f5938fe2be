"""Probes, and the keys that sign and verify our tokens."""

from __future__ import annotations

from agentbox.core.runtime import Runtime
from agentbox.errors import Unavailable
from agentbox.model.signing_keys import JWKS_MAX_AGE
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.handlers.shapes.system import (
    HealthOut,
    JwksOut,
    RotateKeysBody,
    SigningKeysOut,
    signing_key_out,
)

_JWKS_AGE = int(JWKS_MAX_AGE.total_seconds())


class SystemHandlers:
    """GET /healthz, /readyz, /api/v1/health, /.well-known/jwks.json; POST /system/keys/rotate."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def healthz(self, request: RouteRequest[None, None]) -> HealthOut:
        """That the process answers; asks nothing of the database."""
        return HealthOut(status="ok")

    async def readyz(self, request: RouteRequest[None, None]) -> HealthOut:
        """Whether this process should get traffic."""
        reason = await self._runtime.not_ready()
        if reason is not None:
            raise Unavailable(f"Not ready: {reason}.")
        return HealthOut(status="ready")

    async def jwks(self, request: RouteRequest[None, None]) -> RouteResponse:
        """The public keys that verify our access tokens (RFC 7517)."""
        keys = [
            dict(key) for issuer in self._runtime.abilities.issuers for key in await issuer.jwks()
        ]
        return RouteResponse(
            body=JwksOut(keys=keys), headers={"Cache-Control": f"public, max-age={_JWKS_AGE}"}
        )

    async def rotate(self, request: RouteRequest[RotateKeysBody, None]) -> SigningKeysOut:
        """A new key in the place of those that sign."""
        keys = self._runtime.signing_keys
        made = await keys.rotate(
            request.principal, request.origin, compromised=request.body.compromised
        )
        return SigningKeysOut(kid=made.id, keys=[signing_key_out(key) for key in await keys.list()])
