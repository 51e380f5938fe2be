"""How many there are of what the database holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from agentbox.model.api_keys import ApiKeyFilter, ApiKeyState
from agentbox.model.environments import EnvironmentFilter
from agentbox.model.metrics import MetricType, Sample
from agentbox.model.users import UserFilter
from agentbox.plugin import MetricSource, Services

USERS: Final = MetricType(name="users", unit="count", description="Users, whatever their status.")
SESSIONS: Final = MetricType(
    name="sessions", unit="count", description="Sessions that have not ended."
)
API_KEYS: Final = MetricType(
    name="api_keys", unit="count", description="API keys that are valid now."
)
ENVIRONMENTS: Final = MetricType(
    name="environments", unit="count", description="Environments, whatever their status."
)


class Totals(MetricSource):
    """Counted each tick by one process of all."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def types(self) -> Sequence[MetricType]:
        """All of them gauges of everything together."""
        return (USERS, SESSIONS, API_KEYS, ENVIRONMENTS)

    async def collect(self, now: datetime) -> Sequence[Sample]:
        """Four counts of one moment."""
        async with self._services.storage.transaction(read_only=True) as tx:
            keys = ApiKeyFilter(state=ApiKeyState.ACTIVE, now=now)
            return (
                Sample(USERS.name, await tx.users.count(UserFilter())),
                Sample(SESSIONS.name, await tx.sessions.count(None, now)),
                Sample(API_KEYS.name, await tx.api_keys.count(keys)),
                Sample(ENVIRONMENTS.name, await tx.environments.count(EnvironmentFilter())),
            )
