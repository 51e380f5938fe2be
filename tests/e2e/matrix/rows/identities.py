"""Signing in at other sites, and one's own links to them; here no site is configured."""

from __future__ import annotations

from tests.e2e.matrix.row import Ask, Row
from tests.live import USER_PASSWORD

ROWS = (
    Row("GET /api/v1/auth/providers", "public"),
    Row("GET /api/v1/auth/{provider}/url", "public", asks=(Ask(fault="not_found"),)),
    Row("GET /api/v1/auth/{provider}/login", "public", asks=(Ask(fault="not_found"),)),
    Row(
        "GET /api/v1/auth/{provider}/callback",
        "public",
        asks=(Ask(query="?state=x&code=y", fault="invalid_grant"),),
    ),
    Row(
        "POST /api/v1/auth/{provider}/callback",
        "public",
        asks=(Ask(body={"state": "x", "code": "y"}, fault="invalid_grant"),),
    ),
    Row(
        "POST /api/v1/auth/exchange",
        "public",
        asks=(Ask(body={"code": "x"}, fault="invalid_grant"),),
    ),
    Row("GET /api/v1/auth/identities", "session"),
    Row(
        "POST /api/v1/auth/identities/{provider}/link",
        "session",
        asks=(Ask(body={"current_password": USER_PASSWORD}, fault="not_found"),),
    ),
    Row(
        "DELETE /api/v1/auth/identities/{identity_id}",
        "session",
        status=204,
        asks=(Ask(judged=("identity is one's own",)),),
    ),
)
