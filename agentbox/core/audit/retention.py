"""Cuts what is too old off the front of the trail, so that the rest can still be verified."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from agentbox.core.audit.chain import GENESIS, Chain
from agentbox.core.audit.sealing import Tampered
from agentbox.model.audit import AuditEvent, AuditPoint
from agentbox.model.ids import new_id
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Transaction

BATCH = 1000
"""Rows cut in one transaction."""

BATCHES = 50
"""Transactions of one run; what is left waits for the next day."""

_log = structlog.get_logger("agentbox.audit")


class CutAudit(Job):
    """Cuts sealed rows that are older than `[audit] retention`, and says so in the trail.

    What is cut is verified first: a row that was tampered with stays as evidence, with
    all after it.
    """

    name = "audit-cut"
    description = "Cuts rows of the audit that are older than [audit] retention."
    run_missed = True
    interval = timedelta(days=1)

    def __init__(self, chain: Chain, clock: Clock, retention: timedelta) -> None:
        self._chain = chain
        self._clock = clock
        self._retention = retention

    async def run(self, run: JobRun) -> None:
        """At most `BATCHES` transactions of at most `BATCH` rows."""
        before = self._clock.now() - self._retention
        try:
            for _ in range(BATCHES):
                async with run.transaction() as tx:
                    if await self.cut_some(tx, before) < BATCH:
                        return
        except Tampered as fault:
            _log.error("audit_not_cut", detail=str(fault))

    async def cut_some(self, tx: Transaction, before: datetime) -> int:
        """Cut the next batch of rows older than `before`; how many. Raises `Tampered`."""
        anchor, head = await tx.audit.point("anchor"), await tx.audit.point("head")
        if head is None:
            return 0
        for end in (anchor, head):
            if end is not None and not self._chain.is_genuine(end):
                raise Tampered(f"the {end.name} of the sealed audit is not genuine")
        last = await self._last_to_go(tx, anchor, before)
        if last is None or last.seq > head.seq:
            return 0
        cut = await tx.audit.cut(last.seq)
        await tx.audit.put_point(last)
        await tx.audit.add(self._row(cut, last.seq))
        return cut

    async def _last_to_go(
        self, tx: Transaction, anchor: AuditPoint | None, before: datetime
    ) -> AuditPoint | None:
        """The new anchor: the last of the rows, from the front on, that are sealed and too old."""
        seq, mac = (anchor.seq, anchor.mac) if anchor else (0, GENESIS)
        first = seq
        macs = {seal.seq: seal.mac for seal in await tx.audit.seals(seq, BATCH)}
        for row in await tx.audit.rows(seq, BATCH):
            seal = macs.get(row.seq)
            if row.event is None:
                raise Tampered(f"row {row.seq} of the audit can't be read")
            if seal is None or row.event.time >= before:
                break
            if not self._chain.holds(seal, mac, row.seq, row.event):
                raise Tampered(f"row {row.seq} of the audit is not what was sealed")
            seq, mac = row.seq, seal
        return self._chain.point("anchor", seq, mac) if seq > first else None

    def _row(self, cut: int, upto: int) -> AuditEvent:
        return AuditEvent(
            id=new_id(),
            time=self._clock.now(),
            event="audit.cut",
            actor="system",
            target=None,
            details={"rows": cut, "upto": upto},
        )
