"""Every answer is one that /openapi.json tells of, whoever asks, and for whatever."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from schemathesis import Case

from tests.e2e.contract.exchange import exchanges
from tests.e2e.contract.filling import Filled
from tests.e2e.contract.known import with_known
from tests.house.routes_page import table

LABELS = [f"{route.method} {route.path}" for route in table() if not route.hidden]
CREDENTIALS = ("nobody", "viewer", "user", "admin", "super_admin", "api_key")

ONE_USER = "/api/v1/users/{user_id}"
ONE_KEY = "/api/v1/api-keys/{key_id}"
ONE_ENVIRONMENT = "/api/v1/environments/{environment_id}"
REACHED = {
    ("POST /api/v1/auth/login", "nobody"): {200, 401, 422},
    ("POST /api/v1/auth/logout", "viewer"): {204},
    ("POST /api/v1/auth/change-password", "user"): {204, 400, 403, 415, 422},
    ("GET /api/v1/users", "admin"): {200, 400, 422},
    ("POST /api/v1/users", "admin"): {201, 400, 403, 409, 415, 422},
    (f"PUT {ONE_USER}", "admin"): {200, 400, 403, 404, 409, 415, 422},
    (f"PATCH {ONE_USER}", "super_admin"): {200, 400, 404, 409, 415, 422},
    (f"DELETE {ONE_USER}", "admin"): {204, 403, 404, 409},
    (f"GET {ONE_USER}", "api_key"): {200, 403, 404},
    (f"POST {ONE_USER}/disable", "admin"): {200, 403, 404, 409},
    (f"POST {ONE_USER}/reset-password", "admin"): {201, 403, 404, 409},
    (f"GET {ONE_USER}/sessions", "admin"): {200, 400, 403, 404, 422},
    (f"DELETE {ONE_USER}/sessions", "super_admin"): {204, 404, 409},
    ("POST /api/v1/users/bulk", "admin"): {200, 400, 415, 422},
    ("DELETE /api/v1/auth/sessions/{session_id}", "user"): {204, 404},
    ("POST /api/v1/api-keys", "user"): {201, 400, 415, 422},
    ("DELETE /api/v1/api-keys/{key_id}", "user"): {204, 404},
    (f"PATCH {ONE_KEY}", "user"): {200, 400, 404, 415, 422},
    (f"POST {ONE_KEY}/rotate", "user"): {201, 400, 404, 409, 415, 422},
    (f"GET {ONE_KEY}/usage", "user"): {200, 404, 422},
    (f"POST {ONE_ENVIRONMENT}/report", "super_admin"): {204, 400, 404, 415, 422},
    ("POST /api/v1/api-keys/self/revoke", "api_key"): {204},
}
"""Statuses that must be among the answers, so that requests which all end at 422 are noticed."""


def test_every_route_is_an_operation_of_the_document(filled: Filled) -> None:
    assert list(filled.operations) == LABELS


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("label", LABELS)
async def test_every_answer_is_one_that_is_documented(
    filled: Filled, label: str, credential: str, tmp_path: Path
) -> None:
    statuses, faults = set(), []
    async for exchange in exchanges(asked(filled, label, credential), credential, filled, tmp_path):
        statuses.add(exchange.answer.status_code)
        faults += [fault] if (fault := exchange.fault()) else []

    assert not faults, "\n".join(faults[:3])
    assert REACHED.get((label, credential), set()) <= statuses


def asked(filled: Filled, label: str, credential: str) -> Sequence[Case]:
    """What is sent to one operation with one credential."""
    generated = filled.operations.cases(label)
    cases = [*generated, *with_known(generated, filled.known)]
    if filled.operations.is_public(label) and credential != "nobody":
        # It should make no difference who asks: a share of the requests shows that.
        return cases[CREDENTIALS.index(credential) :: len(CREDENTIALS)] or cases[:1]
    return cases


def test_the_table_of_statuses_names_operations_and_callers_that_there_are() -> None:
    assert set(REACHED) <= {(label, credential) for label in LABELS for credential in CREDENTIALS}
