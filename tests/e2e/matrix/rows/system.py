"""Probes, public keys and documents."""

from __future__ import annotations

from tests.e2e.matrix.row import Row

ROWS = tuple(
    Row(f"GET {path}", "public")
    for path in (
        "/healthz",
        "/readyz",
        "/api/v1/health",
        "/.well-known/jwks.json",
        "/openapi.json",
        "/docs",
        "/docs/{file}",
    )
)
