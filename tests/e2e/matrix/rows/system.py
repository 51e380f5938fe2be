"""Probes, public keys and documents; the keys that sign; jobs; the audit."""

from __future__ import annotations

from tests.e2e.matrix.row import Ask, Row

ROWS = (
    *(
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
    ),
    Row("GET /api/v1/audit", scope="audit:read"),
    Row("POST /api/v1/system/keys/rotate", scope="system:write", asks=(Ask(body={}),)),
    Row("GET /api/v1/system/jobs", scope="system:read"),
    Row(
        "POST /api/v1/system/jobs/{job}/run",
        scope="system:write",
        status=202,
        asks=(Ask(fault="not_found"),),
    ),
)
