"""Users: reading, editing, switching off, and their credentials."""

from __future__ import annotations

from tests.e2e.matrix.row import Ask, Row
from tests.e2e.matrix.rows.auth import NEW_PASSWORD
from tests.e2e.matrix.targets import USERS

ONE = "/api/v1/users/{user_id}"
BUT_SELF = {"user_id": USERS[:-1]}

READ = ("user is there",)
ACT = ("user is there", "user ranks below")
ACT_ON_OTHERS = (*ACT, "user is not oneself")

EDITS = (
    Ask("nothing", {}, judged=ACT, own=True),
    Ask("address", {"email": "{new}@example.com"}, judged=ACT, own=True),
    Ask("name", {"username": "{new}"}, judged=ACT_ON_OTHERS),
    Ask("role viewer", {"role": "viewer"}, only=BUT_SELF, scopes=("roles:write",), judged=ACT),
    Ask("status", {"status": "suspended"}, judged=ACT_ON_OTHERS),
    # The role that an admin may not give is refused where the admin's rank suffices too.
    Ask(
        "role admin",
        {"role": "admin"},
        only=BUT_SELF,
        scopes=("roles:write",),
        judged=(*ACT, "admins rank below"),
    ),
)
PASSWORD = Ask(
    "password",
    {"password": NEW_PASSWORD},
    others_scopes=("users:credentials",),
    judged=ACT_ON_OTHERS,
    own=True,  # nobody lacks a right to it: it is a conflict for everybody
)


def action(name: str, scope: str, status: int = 200) -> Row:
    """A route that acts on a user of lower rank and takes no body."""
    ask = Ask(judged=ACT_ON_OTHERS)
    return Row(f"POST {ONE}/{name}", scope=scope, status=status, asks=(ask,))


ROWS = (
    Row("GET /api/v1/users", scope="users:read"),
    Row(
        "POST /api/v1/users",
        scope="users:write",
        status=201,
        asks=(
            Ask("name", {"username": "{new}"}),
            Ask("viewer", {"username": "{new}", "role": "viewer"}, scopes=("roles:write",)),
            Ask(
                "admin",
                {"username": "{new}", "role": "admin"},
                scopes=("roles:write",),
                judged=("admins rank below",),
            ),
            Ask(
                "password",
                {"username": "{new}", "password": NEW_PASSWORD},
                scopes=("users:credentials",),
            ),
        ),
    ),
    Row(
        "POST /api/v1/users/bulk",
        scope="users:write",
        asks=tuple(
            Ask(
                action_name,
                {"ids": ["{user_id}"], "action": action_name},
                judged=ACT_ON_OTHERS,
                inside=True,
            )
            for action_name in ("disable", "enable")
        ),
    ),
    Row(
        f"GET {ONE}",
        scope="users:read",
        own_scope="self:read",
        asks=(Ask(judged=READ, own=True),),
    ),
    Row(
        f"PUT {ONE}",
        scope="users:write",
        own_scope="self:write",
        asks=(*EDITS, PASSWORD),
    ),
    Row(f"PATCH {ONE}", scope="users:write", own_scope="self:write", asks=EDITS),
    Row(
        f"DELETE {ONE}",
        scope="users:write",
        status=204,
        asks=(Ask(judged=ACT_ON_OTHERS),),
    ),
    action("disable", "users:write"),
    action("enable", "users:write"),
    action("unlock", "users:credentials"),
    action("reset-password", "users:credentials", status=201),
    Row(
        f"GET {ONE}/sessions",
        scope="users:credentials",
        asks=(Ask(judged=(*ACT, "own sessions by a session")),),
    ),
    Row(
        f"DELETE {ONE}/sessions",
        scope="users:credentials",
        status=204,
        asks=(Ask(judged=ACT_ON_OTHERS),),
    ),
)
