"""Probes and public keys."""

from __future__ import annotations

from agentbox.errors import Conflict, StorageFull
from agentbox.model.access.route import PUBLIC, scoped
from agentbox.model.access.scopes import SYSTEM_WRITE
from agentbox.plugin.routes import Route
from agentbox.web.handlers.shapes import system as shapes
from agentbox.web.handlers.system import SystemHandlers
from agentbox.web.routes.place import API


def system_routes(system: SystemHandlers) -> list[Route]:
    """Rows that are about the server itself."""
    ready = "Whether this process should get traffic"
    return [
        Route(
            method="GET",
            path="/healthz",
            access=PUBLIC,
            handler=system.healthz,
            summary="Whether the process answers",
            response=shapes.HealthOut,
            tag="system",
            probe=True,
        ),
        Route(
            method="GET",
            path="/readyz",
            access=PUBLIC,
            handler=system.readyz,
            summary=ready,
            response=shapes.HealthOut,
            tag="system",
            probe=True,
        ),
        Route(
            method="GET",
            path=f"{API}/health",
            access=PUBLIC,
            handler=system.readyz,
            summary=f"{ready} (for older clients)",
            response=shapes.HealthOut,
            tag="system",
            probe=True,
        ),
        Route(
            method="GET",
            path="/.well-known/jwks.json",
            access=PUBLIC,
            handler=system.jwks,
            summary="The public keys that verify access tokens",
            response=shapes.JwksOut,
            content_type="application/jwk-set+json",
            tag="system",
        ),
        Route(
            method="POST",
            path=f"{API}/system/keys/rotate",
            access=scoped(SYSTEM_WRITE),
            handler=system.rotate,
            summary="Sign access tokens with a new key",
            body=shapes.RotateKeysBody,
            body_required=False,
            response=shapes.SigningKeysOut,
            errors=(Conflict, StorageFull),
            tag="system",
        ),
    ]
