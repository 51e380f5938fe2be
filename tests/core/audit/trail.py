"""A sealed trail, and ways to tamper with it behind the back of the program."""

from __future__ import annotations

from datetime import timedelta
from string import Template
from typing import Any

from agentbox.core.audit.chain import LABEL, Chain
from agentbox.core.audit.sealing import SealAudit
from agentbox.core.audit.verification import StoredTrail, Verdict, verify
from agentbox.core.start.root_secret import RootSecret
from agentbox.model.audit import AuditEvent
from agentbox.plugin import Storage
from agentbox.testing.samples import an_event
from tests.backend import database_of
from tests.core.world import START

SECRET, OTHER_SECRET = b"1" * 32, b"2" * 32


def chain_of(*secrets: bytes) -> Chain:
    """The chain under these secrets; the first one seals."""
    return Chain(RootSecret(list(secrets) or [SECRET]).macs(LABEL))


def event(number: int, **fields: Any) -> AuditEvent:
    """One of a series, a second after the one before."""
    time = START + timedelta(seconds=number)
    return an_event(f"event-{number:04}", time=time, **fields)


async def add(storage: Storage, first: int, last: int) -> None:
    """Rows that nobody has sealed yet."""
    async with storage.transaction() as tx:
        for number in range(first, last + 1):
            await tx.audit.add(event(number))


async def seal(storage: Storage, chain: Chain | None = None) -> int:
    """Seal a batch of what is there; how many rows."""
    async with storage.transaction() as tx:
        return await SealAudit(chain or chain_of()).seal_some(tx)


async def add_sealed(storage: Storage, first: int, last: int) -> None:
    """Rows that are sealed."""
    await add(storage, first, last)
    await seal(storage)


async def judged(storage: Storage, chain: Chain | None = None, size: int = 3) -> Verdict:
    """What a walk over the trail finds, a few rows at a time."""
    return await verify(StoredTrail(storage, size), chain or chain_of())


def tamper(storage: Storage, *statements: str) -> None:
    """Run statements on the database, as somebody who can write it would.

    `$zeros` and the like are `Database.words`.
    """
    database = database_of(storage)
    for statement in statements:
        database.run(Template(statement).substitute(database.words))
