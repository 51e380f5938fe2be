"""Environments, and questions about rights on them."""

from __future__ import annotations

from tests.e2e.matrix.row import Ask, Row
from tests.e2e.matrix.rules import PERMISSIONS

ONE = "/api/v1/environments/{environment_id}"
EDITOR = ("editor on it",)
OWNER = ("owner of it",)
EDITOR_ITSELF = ("editor without administering",)

ROWS = (
    Row("GET /api/v1/environments", scope="environments:read"),
    Row(
        "POST /api/v1/environments",
        scope="environments:create",
        status=201,
        asks=(
            Ask("own", {"name": "box"}),
            Ask(
                "for",
                {"name": "box", "user_id": "{user_id}"},
                others_role="admin",
                judged=("user is there", "user ranks below", "user is no viewer"),
            ),
        ),
    ),
    Row(
        "GET /api/v1/users/{user_id}/environments",
        scope="users:read",
        own_scope="environments:read",
        asks=(Ask(judged=("user is there",), own=True),),
    ),
    Row(f"GET {ONE}", scope="environments:read", asks=(Ask(judged=("viewer on it",)),)),
    Row(
        f"PATCH {ONE}",
        scope="environments:write",
        asks=(
            Ask("nothing", {}, judged=EDITOR),
            Ask("labels", {"labels": {"a": "b"}}, judged=EDITOR),
            Ask("status", {"status": "running"}, judged=EDITOR),
            Ask("name", {"name": "renamed"}, judged=OWNER),
            Ask("image", {"image": "i"}, judged=OWNER),
            Ask("resources", {"resources": {"cpu": "1"}}, judged=OWNER),
            Ask("both", {"status": "failed", "image": "j"}, judged=OWNER),
        ),
    ),
    Row(
        f"POST {ONE}/report",
        scope="environments:report",
        status=204,
        asks=(
            Ask("nothing", {}, judged=EDITOR_ITSELF),
            Ask("measures", {"cpu_millicores": 250, "sandboxes": 2}, judged=EDITOR_ITSELF),
            Ask("status", {"status": "failed"}, judged=EDITOR_ITSELF),
        ),
    ),
    Row(
        f"DELETE {ONE}",
        scope="environments:write",
        status=204,
        asks=(Ask(judged=OWNER),),
    ),
    Row(
        "POST /api/v1/authorize",
        "any",
        restricted=True,
        asks=(
            Ask("scope", {"scope": "users:read"}),
            *(
                Ask(permission, {"environment_id": "{environment_id}", "permission": permission})
                for permission in PERMISSIONS
            ),
        ),
    ),
    Row("GET /api/v1/scopes", "any"),
)
