"""What a route asks: an access that contradicts itself can't be made."""

from __future__ import annotations

from typing import Any

import pytest

from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.route import Access


@pytest.mark.parametrize(
    "asked",
    [
        {"min_role": Role.ADMIN},
        {"environment": Permission.VIEWER},
        {"fresh": True},
        {"allow_restricted": True},
        {"allow_expired": True},
        {"self_scope": "self:read"},
        {"scope": "self:read"},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_a_public_route_can_ask_nothing_of_a_credential(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"public|scope"):
        Access(kind="public", **asked)


def test_a_scope_for_oneself_needs_one_that_it_replaces() -> None:
    with pytest.raises(ValueError, match="self_scope"):
        Access(kind="any", self_scope="self:read")


@pytest.mark.parametrize("kind", ["pubilc", "", None, True])
def test_an_unknown_kind_of_access_is_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="public, any, session, scoped"):
        Access(kind=kind)


@pytest.mark.parametrize("role", ["admin", None, 2])
def test_a_role_that_is_only_a_text_is_refused(role: Any) -> None:
    with pytest.raises(ValueError, match="min_role"):
        Access(kind="any", min_role=role)
