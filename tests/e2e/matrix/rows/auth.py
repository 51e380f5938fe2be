"""Signing in and out, oneself, and one's own sessions."""

from __future__ import annotations

from tests.e2e.matrix.row import Ask, Row
from tests.live import USER_PASSWORD

NEW_PASSWORD = "granite-violet-harbour-93"

ROWS = (
    Row(
        "POST /api/v1/auth/login",
        "public",
        asks=(Ask(body={"username": "user.person", "password": USER_PASSWORD}),),
    ),
    Row(
        "POST /api/v1/auth/login/continue",
        "public",
        asks=(
            Ask(
                body={"flow": "x", "method": "password", "data": {}},
                fault="invalid_credentials",
            ),
        ),
    ),
    Row(
        "POST /api/v1/auth/refresh",
        "public",
        asks=(Ask(body={"refresh_token": "abr_x"}, fault="invalid_grant"),),
    ),
    Row(
        "POST /api/v1/auth/reauthenticate",
        "session",
        asks=(Ask(body={"password": USER_PASSWORD}),),
    ),
    Row("POST /api/v1/auth/logout", "session", restricted=True, status=204),
    Row("GET /api/v1/auth/me", "any", restricted=True),
    Row(
        "POST /api/v1/auth/change-password",
        "session",
        restricted=True,
        status=204,
        asks=(Ask(body={"current_password": USER_PASSWORD, "new_password": NEW_PASSWORD}),),
    ),
    Row("GET /api/v1/auth/sessions", "session"),
    Row("DELETE /api/v1/auth/sessions", "session", status=204),
    Row(
        "DELETE /api/v1/auth/sessions/{session_id}",
        "session",
        status=204,
        asks=(Ask(judged=("session is one's own",)),),
    ),
)
