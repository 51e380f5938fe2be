"""Seals new rows of the trail, in the order of their numbers."""

from __future__ import annotations

from datetime import timedelta

import structlog

from agentbox.core.audit.chain import GENESIS, Chain
from agentbox.core.background.scheduler import OnDemand
from agentbox.errors import AgentboxError
from agentbox.model.audit import AuditPoint, AuditSeal
from agentbox.plugin.job import JobRun
from agentbox.plugin.storage import Transaction

BATCH = 500
"""Rows sealed in one transaction: some milliseconds."""

BATCHES = 20
"""Transactions of one run; what is left waits for the next one."""

_log = structlog.get_logger("agentbox.audit")


class Tampered(AgentboxError):
    """The trail is not as this program left it."""


class SealAudit(OnDemand):
    """Seals what was written since the last run. Where there is nothing, nothing is written."""

    name = "audit-seal"
    description = "Seals new rows of the audit, where there are any."
    interval = timedelta(seconds=1)
    timeout = timedelta(seconds=15)

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._told: str | None = None

    async def wanted(self, tx: Transaction) -> bool:
        """Whether there are rows after the last seal; whether they can be sealed yet, who seals
        them asks, since that may hold up those who write."""
        head = await tx.audit.point("head")
        return bool(await tx.audit.rows(head.seq if head else 0, 1))

    async def run(self, run: JobRun) -> None:
        """At most `BATCHES` transactions of at most `BATCH` rows.

        Where somebody has tampered with the trail nothing is sealed, since that would vouch for
        it; the log says so once.
        """
        try:
            for _ in range(BATCHES - 1):
                async with run.transaction() as tx:
                    if await self.seal_some(tx) < BATCH:
                        break
            async with run.transaction(last=True) as tx:
                await self.seal_some(tx)
        except Tampered as fault:
            if self._told != str(fault):
                self._told = str(fault)
                _log.error("audit_not_sealed", detail=self._told)

    async def seal_some(self, tx: Transaction) -> int:
        """Seal the next batch; how many rows it has. Raises `Tampered`."""
        head = await self._head(tx)
        seq, mac = (head.seq, head.mac) if head else (0, GENESIS)
        seals: list[AuditSeal] = []
        for row in await tx.audit.unsealed(seq, BATCH):
            if row.event is None:
                # Leaving it out would let it be changed again.
                raise Tampered(f"row {row.seq} of the audit can't be read")
            seq, mac = row.seq, self._chain.seal(mac, row.seq, row.event)
            seals.append(AuditSeal(seq, mac))
        if seals:
            await tx.audit.add_seals(seals)
            await tx.audit.put_point(self._chain.point("head", seq, mac))
        return len(seals)

    async def _head(self, tx: Transaction) -> AuditPoint | None:
        head = await tx.audit.point("head")
        if head is None and await tx.audit.seals(0, 1):
            raise Tampered("the head of the sealed audit is gone")
        if head is not None and not self._chain.is_genuine(head):
            raise Tampered("the head of the sealed audit is not one that this root secret made")
        return head
