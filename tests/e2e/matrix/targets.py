"""What a path or a body may name, as seen by whoever calls."""

from __future__ import annotations

from typing import NamedTuple

OTHERS = ("viewer", "user", "admin", "super_admin")
USERS = (*OTHERS, "nobody", "self")
"""Somebody else of each role, nobody at all, and oneself: the last, since one may lose rights."""

GRANTED = {"user": "viewer", "admin": "editor"}
"""What that other user and that other admin hold on every environment; the others hold nothing."""


class Environment(NamedTuple):
    """Whose it is (of a person of that role, or of the caller), and what the caller was granted."""

    owner: str
    shared: str | None = None


ENVIRONMENTS: dict[str, Environment | None] = {
    "own": Environment("self", "owner"),
    "seen": Environment("user", "viewer"),
    "edited": Environment("admin", "editor"),
    "owned too": Environment("super_admin", "owner"),
    "a user's": Environment("user"),
    "an admin's": Environment("admin"),
    "a super_admin's": Environment("super_admin"),
    "none": None,
}

KEYS = (*OTHERS, "nobody", "self")
"""By whose key it is."""

SESSIONS = ("another's", "nobody's", "other", "current")
"""The one that asks comes last: nothing can be asked after it has ended."""

IDENTITIES = ("another's", "nobody's", "own")

TARGETS: dict[str, tuple[str, ...]] = {
    "user_id": USERS,
    "environment_id": tuple(ENVIRONMENTS),
    "key_id": KEYS,
    "session_id": SESSIONS,
    "identity_id": IDENTITIES,
}
"""By the placeholder in a path, a query or a body."""
