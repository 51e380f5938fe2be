"""What plugins receive as `Services`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from agentbox.core.counters import Counters
from agentbox.core.readings.readings import ServerReadings
from agentbox.core.recognition.subjects import Subjects
from agentbox.errors import StartError
from agentbox.model.api_keys import IssuedKey
from agentbox.model.environments import RunningEnvironment
from agentbox.model.formats.api_key import KeyFormat
from agentbox.plugin.http import Outgoing
from agentbox.plugin.metrics import Readings
from agentbox.plugin.options import NoOptions
from agentbox.plugin.services import Clock, Logger, Sealer
from agentbox.plugin.storage import Storage


@dataclass(frozen=True, slots=True)
class HostServices:
    """One plugin's view of the host (`agentbox.plugin.Services`)."""

    clock: Clock
    public_url: str
    api_key_format: KeyFormat
    counters: Counters
    stale_after: timedelta
    instance_id: str = ""
    options: Any = NoOptions()  # noqa: RUF009  (frozen)
    opened_storage: Storage | None = None
    root_secret: Sealer | None = None
    outgoing_http: Outgoing | None = None
    read_subjects: Subjects | None = None
    own_readings: ServerReadings | None = None

    @property
    def storage(self) -> Storage:
        """The open storage; raises `StartError` before there is one."""
        if self.opened_storage is None:
            raise StartError("The storage is not open yet; a storage's `create` can't use it.")
        return self.opened_storage

    @property
    def subjects(self) -> Subjects:
        """Keys and sessions as they are now; raises `StartError` before the storage is open."""
        if self.read_subjects is None:
            raise StartError("The storage is not open yet; a storage's `create` can't use it.")
        return self.read_subjects

    @property
    def sealer(self) -> Sealer:
        """The root secret; raises `StartError` before there is one."""
        if self.root_secret is None:
            raise StartError("The root secret is not there yet; a storage's `create` can't use it.")
        return self.root_secret

    @property
    def outgoing(self) -> Outgoing:
        """Clients for other servers; raises `StartError` where this process has none."""
        if self.outgoing_http is None:
            raise StartError("This process asks no other servers.")
        return self.outgoing_http

    @property
    def readings(self) -> Readings:
        """What agentbox measures of itself; raises `StartError` where nothing is served."""
        if self.own_readings is None:
            raise StartError("This process measures nothing of itself.")
        return self.own_readings.offered_by(self.instance_id)

    @property
    def log(self) -> Logger:
        """A logger with the instance's name."""
        logger: Logger = structlog.get_logger("agentbox.plugin").bind(plugin=self.instance_id)
        return logger

    async def issued_key(self, key_id: str) -> IssuedKey | None:
        """The key as it is now, with its digest and its owner."""
        return await self.subjects.issued_key(key_id)

    async def running_environments(self, now: datetime) -> Sequence[RunningEnvironment]:
        """Those whose status is `running` and that are not stale."""
        async with self.storage.transaction(read_only=True, single=True) as tx:
            return await tx.reports.running(now - self.stale_after)

    def count(self, counter: str, amount: int = 1) -> None:
        """Add to `<instance>.<counter>`. Raises `ValueError` where the amount is below 0."""
        if amount < 0:
            raise ValueError(f"{counter} can't be counted back by {-amount}: counters only grow.")
        self.counters.add(f"{self.instance_id}.{counter}", amount)

    def observe(self, timer: str, seconds: float) -> None:
        """Note a duration under `<instance>.<timer>`."""
        self.counters.observe(f"{self.instance_id}.{timer}", seconds)

    def for_plugin(self, instance_id: str, options: Any) -> HostServices:
        """The same services with that plugin's name and options."""
        return replace(self, instance_id=instance_id, options=options)
