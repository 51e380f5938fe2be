"""Permissions on environments, from the side of the environment and of the user."""

from __future__ import annotations

from tests.e2e.matrix.row import Ask, Row
from tests.e2e.matrix.targets import USERS

ON_ENVIRONMENT = "/api/v1/environments/{environment_id}/permissions"
OF_USER = "/api/v1/users/{user_id}/permissions"
ALL_BUT_OWN = ("owned too", "seen", "edited", "a user's", "an admin's", "a super_admin's", "none")
"""One's own list without those that one administers takes them away: the order matters."""

GIVE = ("owner of it", "user is there", "user holds none")
CHANGE = ("owner of it", "user holds one", "an owner stays")
TAKE = ("takes from the user", "user holds one", "an owner stays")

ROWS = (
    Row(
        f"GET {ON_ENVIRONMENT}",
        scope="environments:read",
        asks=(Ask(judged=("owner of it",)),),
    ),
    Row(
        f"POST {ON_ENVIRONMENT}",
        scope="environments:share",
        status=201,
        asks=(
            Ask("viewer", {"user_id": "{user_id}", "permission": "viewer"}, judged=GIVE),
            Ask(
                "owner",
                {"user_id": "{user_id}", "permission": "owner"},
                only={"user_id": ("viewer",)},
                judged=("owner of it", "user is no viewer"),
            ),
        ),
    ),
    Row(
        f"PUT {ON_ENVIRONMENT}/{{user_id}}",
        scope="environments:share",
        asks=(Ask("viewer", {"permission": "viewer"}, judged=CHANGE),),
    ),
    Row(
        f"DELETE {ON_ENVIRONMENT}/{{user_id}}",
        scope="environments:share",
        status=204,
        asks=(Ask(judged=TAKE),),
    ),
    Row(
        f"GET {OF_USER}",
        scope="users:read",
        own_scope="self:read",
        asks=(Ask(judged=("user is there",), own=True),),
    ),
    Row(
        f"POST {OF_USER}",
        scope="environments:share",
        status=201,
        asks=(
            Ask(
                "viewer",
                {"environment_id": "{environment_id}", "permission": "viewer"},
                others_role="admin",
                judged=GIVE,
            ),
            Ask(
                "owner",
                {"environment_id": "{environment_id}", "permission": "owner"},
                only={"user_id": ("viewer",)},
                others_role="admin",
                judged=("owner of it", "user is no viewer"),
            ),
        ),
    ),
    Row(
        f"PUT {OF_USER}",
        scope="environments:share",
        asks=(
            Ask(
                "one",
                {"permissions": [{"environment_id": "{environment_id}", "permission": "viewer"}]},
                only={"user_id": USERS[:-1]},
                others_role="admin",
                judged=("user is there", "list is as it is or administered"),
            ),
            Ask(
                "one more",
                {
                    "permissions": [
                        {"environment_id": "{own_environment}", "permission": "owner"},
                        {"environment_id": "{environment_id}", "permission": "viewer"},
                    ]
                },
                only={"user_id": ("self",), "environment_id": ALL_BUT_OWN},
                judged=("list is as it is or administered",),
            ),
        ),
    ),
    Row(
        f"PUT {OF_USER}/{{environment_id}}",
        scope="environments:share",
        asks=(Ask("viewer", {"permission": "viewer"}, others_role="admin", judged=CHANGE),),
    ),
    Row(
        f"DELETE {OF_USER}/{{environment_id}}",
        scope="environments:share",
        status=204,
        asks=(Ask(others_role="admin", judged=TAKE),),
    ),
)
