"""Environments and permissions on them, as clients send and get them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agentbox.core.environments.environments import View
from agentbox.model.access.roles import Permission
from agentbox.model.environments import EnvironmentStatus, Grant
from agentbox.web.handlers.shapes.fields import Cursor, Id, Instant, Label, Limit, Offset, Search

Json = dict[str, Any] | list[Any] | str | int | float | bool | None
"""What the orchestrator keeps with an environment: taken and given back unread."""

ORCHESTRATION = (
    "timeout",
    "env",
    "command",
    "node_selector",
    "tolerations",
    "isolation",
    "pool",
)

Image = Annotated[str, Meta(max_length=512)]
Labels = dict[Label, Label]
LabelFilter = Annotated[
    str, Meta(pattern="^[^:]+:", max_length=257, description="A label and its value: `team:blue`")
]
Amount = Annotated[str, Meta(min_length=1, max_length=128)]


class Resources(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the sandbox gets, in whatever words the orchestrator has for it."""

    cpu: Amount | UnsetType = UNSET
    memory: Amount | UnsetType = UNSET
    storage: Amount | UnsetType = UNSET


class Orchestration(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The orchestrator's own members, at most 16 KiB together."""

    timeout: Json | UnsetType = UNSET
    env: Json | UnsetType = UNSET
    command: Json | UnsetType = UNSET
    node_selector: Json | UnsetType = UNSET
    tolerations: Json | UnsetType = UNSET
    isolation: Json | UnsetType = UNSET
    pool: Json | UnsetType = UNSET


class EnvironmentOut(Orchestration, frozen=True, kw_only=True, omit_defaults=True):
    """An environment; `permission` is the caller's own, `stale` there if it has fallen silent."""

    id: str
    name: str
    status: EnvironmentStatus
    image: str
    resources: dict[str, str]
    created_at: datetime
    user_id: str
    permission: Permission
    labels: dict[str, str] = {}
    started_at: datetime | None = None
    terminated_at: datetime | None = None
    stale: bool = False


class EnvironmentListOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page of environments, newest first, and how many there are in all."""

    environments: list[EnvironmentOut]
    total: int
    next_cursor: str | None = None


class EnvironmentQuery(Struct, frozen=True, kw_only=True):
    """Which environments a list holds, of those that the caller may see."""

    limit: Limit = 1000
    offset: Offset = 0
    cursor: Cursor | None = None
    sort: Literal["-created_at"] = "-created_at"
    status: EnvironmentStatus | None = None
    user_id: Id | None = None
    search: Search | None = None
    label: LabelFilter | None = None


class NewEnvironmentBody(Orchestration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new environment, one's own unless `user_id` says whose."""

    name: Label
    image: Image = ""
    resources: Resources = Resources()
    labels: Labels = {}
    status: EnvironmentStatus = EnvironmentStatus.PENDING
    user_id: Id | UnsetType = UNSET


class EnvironmentPatchBody(Orchestration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to change. Labels and resources are replaced; null takes one of the
    orchestrator's members out."""

    name: Label | UnsetType = UNSET
    image: Image | UnsetType = UNSET
    resources: Resources | UnsetType = UNSET
    labels: Labels | UnsetType = UNSET
    status: EnvironmentStatus | UnsetType = UNSET


class ReportBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an environment does; what is left out stays as it was said before."""

    status: EnvironmentStatus | UnsetType = UNSET
    cpu_millicores: (
        Annotated[float, Meta(ge=0, le=1e9, description="Processor time in thousandths of a core")]
        | UnsetType
    ) = UNSET
    memory_bytes: Annotated[int, Meta(ge=0, le=2**60)] | UnsetType = UNSET
    started_at: Instant | UnsetType = UNSET
    sandboxes: (
        Annotated[int, Meta(ge=0, le=1_000_000, description="How many run inside")] | UnsetType
    ) = UNSET


class GrantOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A user's permission on an environment."""

    id: str
    user_id: str
    environment_id: str
    permission: Permission
    granted_at: datetime
    granted_by: str | None = None


class GrantListOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page of permissions, newest first, and how many there are in all."""

    permissions: list[GrantOut]
    total: int
    next_cursor: str | None = None


class PageQuery(Struct, frozen=True, kw_only=True):
    """Which page of a list."""

    limit: Limit = 1000
    offset: Offset = 0
    cursor: Cursor | None = None


class ShareBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to give a permission: one of `user_id` and `username`."""

    permission: Permission
    user_id: Id | UnsetType = UNSET
    username: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET


class GrantBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A permission on an environment."""

    environment_id: Id
    permission: Permission


class GrantsBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All permissions of a user that the caller may administer; those left out are taken."""

    permissions: Annotated[list[GrantBody], Meta(max_length=1000)]


class PermissionBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The permission that takes the place of the one there."""

    permission: Permission


def environment_out(view: View) -> EnvironmentOut:
    """An environment as its viewer sees it."""
    each = view.environment
    return EnvironmentOut(
        id=each.id,
        name=each.name,
        status=each.status,
        image=each.image,
        resources=dict(each.resources),
        labels=dict(each.labels),
        created_at=each.created_at,
        started_at=each.started_at,
        terminated_at=each.terminated_at,
        stale=view.stale,
        user_id=each.user_id,
        permission=view.permission,
        **each.orchestration,
    )


def grant_out(grant: Grant) -> GrantOut:
    """A grant as clients see it."""
    return GrantOut(
        id=grant.id,
        user_id=grant.user_id,
        environment_id=grant.environment_id,
        permission=grant.permission,
        granted_at=grant.granted_at,
        granted_by=grant.granted_by,
    )


def orchestration_of(body: Orchestration) -> Mapping[str, Any]:
    """The orchestrator's members that were given."""
    given = ((name, getattr(body, name)) for name in ORCHESTRATION)
    return {name: value for name, value in given if value is not UNSET}


def resources_of(resources: Resources) -> Mapping[str, str]:
    """The amounts that were given."""
    given = ((name, getattr(resources, name)) for name in ("cpu", "memory", "storage"))
    return {name: value for name, value in given if value is not UNSET}
