"""The database: its schema, whether the root secret opens it, and its clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

from agentbox.core.clock import READY_SKEW, DatabaseClock
from agentbox.core.start.root_secret import opens, read_root_secret
from agentbox.core.startup import Assembly
from agentbox.errors import SchemaError, StartError, StorageError
from agentbox.plugin.findings import Finding, Verdict
from agentbox.plugin.migrations import SchemaStatus
from agentbox.plugin.storage import Storage

NOTED_SKEW = timedelta(seconds=60)


async def database_findings(assembly: Assembly, storage: Storage) -> AsyncIterator[Finding]:
    """Of a database that is not there yet there is nothing to say but that."""
    try:
        folders = assembly.plugins.migration_folders(storage.name)
        status = await asyncio.to_thread(storage.schema_status, folders)
        for finding in _schema(status):
            yield finding
        if status.current:
            async with storage.open(brief=True):
                yield await _root_secret(assembly, storage)
                yield await _clock(storage)
    except (StorageError, SchemaError) as error:
        yield _found("database", "problem", str(error), "Put that right, then look again.")


def _schema(status: SchemaStatus) -> Iterator[Finding]:
    about = "database.schema"
    if not status.history:
        yield _found(about, "ok", "There is no database yet; the first start makes it.")
        return
    unknown = {
        "is ahead of this program": status.ahead,
        "has migrations that were edited since": status.drifted,
        "lacks earlier migrations": status.out_of_order,
    }
    for what, ids in unknown.items():
        if ids:
            detail = f"The schema {what}: {', '.join(ids)}."
            yield _found(about, "problem", detail, "See: agentbox migrate status")
    if any(unknown.values()):
        return
    if status.pending:
        detail = f"The next start applies {', '.join(status.pending)}."
        yield _found(about, "warning", detail, "Back the database up, then: agentbox migrate up")
    else:
        yield _found(about, "ok", "The schema is this program's.")


async def _root_secret(assembly: Assembly, storage: Storage) -> Finding:
    about = "database.root_secret"
    try:
        secret = read_root_secret(assembly.settings.server.secret_key, storage)
        async with storage.transaction(read_only=True) as tx:
            sealed = await tx.markers.get("root_secret")
        if sealed is not None:
            opens(secret, sealed)
    except StartError as error:
        return _found(about, "problem", str(error), "Put back the key that belongs to it.")
    return _found(about, "ok", "The root secret opens what is sealed in it.")


async def _clock(storage: Storage) -> Finding:
    clock = DatabaseClock()
    await clock.synchronise(storage)
    skew = abs(clock.skew)
    detail = f"Its clock differs from this machine's by {skew.total_seconds():.1f} s."
    verdict: Verdict = "ok"
    if skew > NOTED_SKEW:
        verdict = "problem" if skew > READY_SKEW else "warning"
    remedy = "" if verdict == "ok" else "Let both machines take their time from one source (NTP)."
    return _found("database.clock", verdict, detail, remedy)


def _found(about: str, verdict: Verdict, detail: str, remedy: str = "") -> Finding:
    return Finding(about=about, verdict=verdict, detail=detail, remedy=remedy)
