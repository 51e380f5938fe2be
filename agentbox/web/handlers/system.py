"""Probes and the keys that verify our tokens."""

from __future__ import annotations

from agentbox.core.runtime import Runtime
from agentbox.errors import Unavailable
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.handlers.shapes.system import HealthOut, JwksOut


class SystemHandlers:
    """GET /healthz, /readyz, /api/v1/health and /.well-known/jwks.json."""

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
            body=JwksOut(keys=keys), headers={"Cache-Control": "public, max-age=60"}
        )
