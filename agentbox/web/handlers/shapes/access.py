"""Questions about rights, and the scopes that there are."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from agentbox.model.access.permissions import Reason
from agentbox.model.access.roles import Permission, Role
from agentbox.web.handlers.shapes.fields import Id


class QuestionBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """May the credential that asks do this: a scope, a permission on an environment, or both."""

    scope: Annotated[str, Meta(min_length=1, max_length=129)] | UnsetType = UNSET
    environment_id: Id | UnsetType = UNSET
    permission: Permission | UnsetType = UNSET


class AuthorizeBody(QuestionBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question, or up to 100 of them as `checks`."""

    checks: Annotated[list[QuestionBody], Meta(min_length=1, max_length=100)] | UnsetType = UNSET


class DecisionOut(Struct, frozen=True, kw_only=True):
    """The answer to one question."""

    allowed: bool
    reason: Reason


class AuthorizeOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one question, or to each of `checks` in its order."""

    allowed: bool | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    results: list[DecisionOut] | UnsetType = UNSET


class ScopeOut(Struct, frozen=True, kw_only=True):
    """A scope: what it opens, from which role on, and whether a key gets it unasked."""

    name: str
    description: str
    min_role: Role
    default: bool


class ScopeListOut(Struct, frozen=True, kw_only=True):
    """All scopes, the plugins' own among them."""

    scopes: list[ScopeOut]
