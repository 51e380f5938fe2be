"""Environments as they are kept, and grants: who may do what with one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from agentbox.model.access.roles import Permission, Role


class EnvironmentStatus(StrEnum):
    """What an environment does, as whoever runs it says."""

    PENDING = "pending"
    RUNNING = "running"
    TERMINATED = "terminated"
    FAILED = "failed"


class Environment(Struct, frozen=True, kw_only=True):
    """The registration of a sandbox that some orchestrator runs.

    `user_id` is whose it is: always one of its owners. `resources` and `orchestration` are the
    orchestrator's, kept and given back unread.
    """

    id: str
    user_id: str
    name: str
    status: EnvironmentStatus
    created_at: datetime
    image: str = ""
    resources: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    orchestration: Mapping[str, Any] = {}
    started_at: datetime | None = None
    terminated_at: datetime | None = None
    organization_id: str = "default"


class EnvironmentReport(Struct, frozen=True, kw_only=True):
    """What an environment, or whoever runs it, said of it last; None was never said.

    `cpu_millicores` are thousandths of a core, `sandboxes` how many run inside.
    """

    environment_id: str
    reported_at: datetime
    cpu_millicores: float | None = None
    memory_bytes: int | None = None
    sandboxes: int | None = None


class RunningEnvironment(NamedTuple):
    """An environment that runs, and what it reported last since it was started, if it did."""

    id: str
    created_at: datetime
    started_at: datetime | None
    report: EnvironmentReport | None


def said_since(
    started_at: datetime | None, report: EnvironmentReport | None
) -> EnvironmentReport | None:
    """The report, unless it is of a run before the one that began at `started_at`."""
    if report is None or (started_at is not None and report.reported_at < started_at):
        return None
    return report


class Grant(Struct, frozen=True, kw_only=True):
    """A user's permission on one environment; `granted_by` is a user, None for the operator."""

    id: str
    user_id: str
    environment_id: str
    permission: Permission
    granted_at: datetime
    granted_by: str | None = None


class SeenEnvironment(NamedTuple):
    """An environment, and what the one who looks was granted on it, if anything."""

    environment: Environment
    granted: Permission | None


class Standing(NamedTuple):
    """What rights on an environment depend on: a grant, and whose it is, of which role."""

    granted: Permission | None
    user_id: str
    role: Role


class EnvironmentFilter(Struct, frozen=True, kw_only=True):
    """Which environments a list holds; None does not filter.

    `search` is part of a name in any case, `label` a name and its value. `granted_to` leaves those
    on which that user was granted something, `only` those with these ids.
    """

    status: EnvironmentStatus | None = None
    user_id: str | None = None
    search: str | None = None
    label: tuple[str, str] | None = None
    granted_to: str | None = None
    only: tuple[str, ...] | None = None


class GrantFilter(Struct, frozen=True, kw_only=True):
    """Whose grants a list holds: those of a user, or those on an environment; one of the two.

    `only` leaves those on these environments.
    """

    user_id: str | None = None
    environment_id: str | None = None
    only: tuple[str, ...] | None = None
