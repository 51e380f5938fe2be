"""What a process does about the trail, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from agentbox import __version__
from agentbox.config.effective import DEFAULT, effective
from agentbox.core.audit.chain import LABEL, Chain
from agentbox.core.audit.reading import Audit
from agentbox.core.audit.refusals import Refusals
from agentbox.core.audit.retention import CutAudit
from agentbox.core.audit.sealing import SealAudit
from agentbox.core.background.events import EventQueue
from agentbox.core.changes import Writing
from agentbox.core.counters import Counters
from agentbox.core.paging import Pages
from agentbox.core.start.root_secret import RootSecret
from agentbox.core.startup import Assembly
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.principal import Origin
from agentbox.plugin.job import Job
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage


@dataclass(frozen=True, slots=True)
class AuditParts:
    """Reading the trail, what seals it, and refusals on their way there."""

    audit: Audit
    chain: Chain
    refusals: Refusals
    clock: Clock
    retention: timedelta

    def jobs(self) -> Sequence[Job]:
        """What seals new rows, and what cuts old ones unless they are kept for ever."""
        jobs: list[Job] = [SealAudit(self.chain)]
        if self.retention:
            jobs.append(CutAudit(self.chain, self.clock, self.retention))
        return jobs


def make_audit(
    storage: Storage,
    clock: Clock,
    counters: Counters,
    events: EventQueue,
    scopes: ScopeTable,
    secret: RootSecret,
    retention: timedelta,
) -> AuditParts:
    """The parts over one storage."""
    return AuditParts(
        audit=Audit(storage=storage, scopes=scopes, pages=Pages(secret.for_use("cursor"), "audit")),
        chain=Chain(secret.macs(LABEL)),
        refusals=Refusals(storage, clock, counters, events),
        clock=clock,
        retention=retention,
    )


async def note_start(assembly: Assembly, storage: Storage, clock: Clock) -> None:
    """A server begins: the trail says with which version, plugins and settings, by name alone."""
    found = ((name, assembly.plugins.plugin_info(name)) for name in assembly.plugins.names)
    rows = effective(assembly.settings, assembly.sources)
    details = {
        "version": __version__,
        "plugins": ", ".join(f"{name} {info.version}" for name, info in found),
        "settings": ", ".join(row.setting for row in rows if row.origin != DEFAULT),
    }
    async with storage.transaction() as tx:
        await Writing(tx, clock.now(), "system", Origin()).record("server.start", None, details)
