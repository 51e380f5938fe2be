"""Reports of environments, and what is kept of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agentbox.model.environments import EnvironmentReport
from tests.e2e.environments.sandbox import path_of
from tests.e2e.people import People
from tests.live import Caller, Live

ALL = {
    "status": "running",
    "cpu_millicores": 250.5,
    "memory_bytes": 3_221_225_473,
    "sandboxes": 2,
}


def reports_of(environment: dict[str, Any]) -> str:
    return f"{path_of(environment)}/report"


async def kept(live: Live, environment: dict[str, Any]) -> EnvironmentReport | None:
    """What was reported of it last."""
    async with live.runtime.storage.transaction(read_only=True) as tx:
        return (await tx.reports.get([environment["id"]])).get(environment["id"])


async def trail(live: Live, environment: dict[str, Any]) -> list[Any]:
    """The rows of the audit about it after its registration, oldest first."""
    target = f"environment:{environment['id']}"
    async with live.runtime.storage.transaction(read_only=True) as tx:
        rows = [*reversed(await tx.audit.last(1000))]
    return [row for row in rows if row.target == target and row.event != "environment.create"]


async def limited_key(live: Live, people: People, to: dict[str, Any], permission: str) -> Caller:
    """A key of the user's for one environment."""
    entries = [{"environment_id": to["id"], "permission": permission}]
    return live.with_key(await people.user.key(permissions=entries))


def instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
