"""Keys that sign access tokens: what there is, and a new one in the place of the others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace

from agentbox.core.changes import Changes, Work
from agentbox.core.recognition.dispatch import Dispatcher, Named
from agentbox.errors import Conflict, Unavailable
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.scopes import SYSTEM_WRITE, ScopeTable
from agentbox.model.principal import Actor, Operator, Origin
from agentbox.model.signing_keys import (
    ANNOUNCED_FOR,
    LONGEST_TOKEN,
    SigningKey,
    has_signed_for,
)
from agentbox.plugin.authenticator import IssuerKey, TokenIssuer
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Change, Storage

SYSTEM = Operator("system")
"""On whose behalf a key is rotated because it is time for it."""

_log = structlog.get_logger("agentbox.signing")


class SigningKeys:
    """Lists and rotates the keys of the enabled token issuer.

    The issuer makes a key before the transaction; which key signs and verifies from when until
    when is decided here, so that the audit row is part of the change.
    """

    def __init__(
        self,
        *,
        issuer: Named[TokenIssuer] | None,
        changes: Changes,
        scopes: ScopeTable,
        dispatcher: Dispatcher,
        clock: Clock,
    ) -> None:
        self._issuer = issuer
        self._changes = changes
        self._scopes = scopes
        self._dispatcher = dispatcher
        self._clock = clock

    async def list(self) -> Sequence[IssuerKey]:
        """All keys, oldest first. Raises `Unavailable` if nothing here mints, `Conflict` if the
        issuer can't tell."""
        issuer = self._the_issuer()
        keys = await self._dispatcher.call(
            issuer.id, issuer.opened.keys, gives=Sequence, refusals=(Conflict,)
        )
        if not all(isinstance(key, IssuerKey) for key in keys):
            raise self._dispatcher.broke(issuer.id, "keys gave something else")
        return keys

    async def rotate(
        self, actor: Actor, origin: Origin, *, compromised: bool = False
    ) -> SigningKey:
        """The new key. It signs once everybody who keeps the published keys knows it; then the old
        ones verify until the last token they signed has expired.

        With `compromised` it signs at once, and every token signed by another key is refused from
        the next request on. Raises `InsufficientScope` or `InsufficientRole`, `Conflict` where the
        issuer's keys are not rotated by command, or while a new key waits to sign.
        """
        made = await self._make()
        async with self._changes.begin(actor, origin) as work:
            require_scope(work.actor, SYSTEM_WRITE, self._scopes)
            before = await _verifying(work)
            if not compromised:
                _require_none_waiting(before, work.now)
            return await _put(work, made, before, compromised=compromised)

    async def rotate_older(self, age: timedelta, storage: Storage) -> SigningKey | None:
        """The new key, announced as by `rotate`, if the newest one has signed for `age`; else None.

        Of several processes that ask at once, one gets a key.
        """
        async with storage.transaction(read_only=True) as tx:
            if not has_signed_for(age, await tx.signing_keys.list(), self._clock.now()):
                return None
        made = await self._make()
        async with self._changes.begin(SYSTEM, Origin()) as work:
            before = await _verifying(work)
            if not has_signed_for(age, before, work.now):
                return None
            return await _put(work, made, before, compromised=False)

    async def _make(self) -> SigningKey:
        issuer = self._the_issuer()
        return await self._dispatcher.call(
            issuer.id, issuer.opened.make_key, gives=SigningKey, refusals=(Conflict,)
        )

    def _the_issuer(self) -> Named[TokenIssuer]:
        if self._issuer is None:
            raise Unavailable("No enabled plugin mints access tokens.")
        return self._issuer


def _require_none_waiting(keys: Sequence[SigningKey], now: datetime) -> None:
    """Of two who rotate at once the second gets nothing: one new key is announced already."""
    for key in keys:
        if key.signs_from is not None and now < key.signs_from:
            raise Conflict(
                f"A new key is announced and signs from {key.signs_from:%H:%M:%S} UTC on; rotate "
                "again after that, or say that the keys are compromised."
            )


async def _verifying(work: Work) -> Sequence[SigningKey]:
    await work.tx.lock("signing_keys")
    return [key for key in await work.tx.signing_keys.list() if key.verifies(work.now)]


async def _put(
    work: Work, made: SigningKey, before: Sequence[SigningKey], *, compromised: bool
) -> SigningKey:
    if compromised:
        key, over = replace(made, created_at=work.now), work.now
    else:
        begins = work.now + ANNOUNCED_FOR
        key = replace(made, created_at=work.now, signs_from=begins)
        over = begins + LONGEST_TOKEN
    for old in before:
        await work.tx.signing_keys.retire(old.id, over)
    await work.tx.signing_keys.add(key)
    work.changed(Change("signing_key", key.id))
    await work.record(
        "signing_key.rotate",
        f"signing_key:{key.id}",
        {"compromised": compromised, "replaced": len(before)},
    )
    return key


class RotateKeys(Job):
    """Puts a new signing key in the place of one that has signed for long enough."""

    name = "rotate-keys"
    description = "Announces a new signing key once the newest has signed for `rotate_every`."
    interval = timedelta(hours=1)
    run_missed = True

    def __init__(self, keys: SigningKeys, every: timedelta, storage: Storage) -> None:
        self._keys = keys
        self._every = every
        self._storage = storage

    async def run(self, run: JobRun) -> None:
        """A rotation if it is time for one."""
        # Not through the run: a change locks what it touches and looks again inside.
        made = await self._keys.rotate_older(self._every, self._storage)
        if made is not None:
            _log.info("signing_key_announced", key=made.id, signs_from=made.signs_from)
