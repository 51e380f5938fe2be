"""API keys: one's own, and those of others."""

from __future__ import annotations

from tests.e2e.matrix.row import Ask, Row
from tests.e2e.matrix.rules import PERMISSIONS

ALL = "/api/v1/api-keys"
ONE = f"{ALL}/{{key_id}}"
VISIBLE = ("key is visible",)
OWN = ("key is one's own",)
OF_OTHERS = ("users:credentials",)


def below(name: str) -> Row:
    """A route that shows more of a key."""
    return Row(f"GET {ONE}/{name}", scope="api_keys:read", asks=(Ask(judged=VISIBLE),))


ROWS = (
    Row(
        f"GET {ALL}",
        scope="api_keys:read",
        asks=(
            Ask("own"),
            Ask("all", query="?all=true", scopes=OF_OTHERS),
            Ask(
                "of",
                query="?user_id={user_id}",
                others_scopes=OF_OTHERS,
                judged=("user is there", "user ranks below"),
            ),
        ),
    ),
    Row(
        f"POST {ALL}",
        scope="api_keys:write",
        status=201,
        asks=(
            Ask("default", {}),
            Ask("one scope", {"scopes": ["self:read"]}),
            Ask("users:read", {"scopes": ["users:read"]}, judged=("has users:read to give",)),
            *(
                Ask(
                    permission,
                    {
                        "permissions": [
                            {"environment_id": "{environment_id}", "permission": permission}
                        ]
                    },
                    judged=(f"{permission} to give",),
                )
                for permission in PERMISSIONS
            ),
            # Nobody makes a key for somebody else.
            Ask("for", {"user_id": "{user_id}"}, fault="validation_failed"),
        ),
    ),
    Row(f"GET {ONE}", scope="api_keys:read", asks=(Ask(judged=VISIBLE),)),
    Row(f"DELETE {ONE}", scope="api_keys:write", status=204, asks=(Ask(judged=VISIBLE),)),
    Row(
        f"PATCH {ONE}",
        scope="api_keys:write",
        asks=(Ask("name", {"name": "renamed"}, judged=OWN),),
    ),
    Row(
        f"POST {ONE}/rotate",
        scope="api_keys:write",
        status=201,
        asks=(Ask(body={}, judged=(*OWN, "key is no wider")),),
    ),
    below("permissions"),
    below("usage"),
    Row(
        f"POST {ALL}/self/revoke",
        "any",
        status=204,
        asks=(Ask(judged=("a key is presented",)),),
    ),
)
