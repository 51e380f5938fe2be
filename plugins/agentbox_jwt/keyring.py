"""The keys in memory: made on the first start, read again when they may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from agentbox.errors import Conflict, StartError, Unavailable
from agentbox.model.secret import Secret
from agentbox.model.signing_keys import SigningKey, signer, state_of
from agentbox.plugin import Change, IssuerKey, Services
from agentbox_jwt.keys import Key, from_secret, generate, load

AGAIN_AFTER = 10.0
"""Seconds between two reads that nothing but unknown key ids ask for (JWT-04)."""


class KeyRing:
    """Looks keys up in memory by their exact id.

    Storage is read when it opens, after a notice that signing keys changed, and for an unknown
    id at most every `AGAIN_AFTER` seconds, so that ids made up by strangers cost nothing.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        secret: Secret | None = services.options.secret
        self._shared = None if secret is None else from_secret(secret)
        self._rows: Sequence[SigningKey] = ()
        self._loaded: Mapping[str, tuple[SigningKey, Key]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._reading_for = 0
        self._noticed = 1
        self._known = 0  # as many notices as the rows here were read after
        self._read_at = 0.0

    async def open(self) -> None:
        """Read the keys; make one if none signs. Raises `StartError` for keys that don't fit."""
        self._services.storage.on_change(self._note)
        await self._read(strict=True)
        if self._shared is None and all(row.retired_at is not None for row in self._rows):
            await self._add_first()
            await self._read(strict=True)

    async def find(self, key_id: str) -> Key | None:
        """The key with exactly this id, if it still verifies."""
        await self._freshen()
        if (key := self._get(key_id)) is None and self._may_ask_again():
            await self._read_with_others()
            key = self._get(key_id)
        return key

    async def signer(self, until: datetime) -> Key:
        """The key that signs a token which ends `until`. Raises `Unavailable` if there is none."""
        if self._shared is not None:
            return self._shared
        await self._freshen()
        rows = [row for row, _ in self._loaded.values()]
        row = signer(rows, self._services.clock.now(), until)
        if row is None:
            raise Unavailable("No signing key is there.")
        return self._loaded[row.id][1]

    async def published(self) -> Sequence[Mapping[str, str]]:
        """Public JWKs of the keys that verify or will; none where a shared secret signs."""
        if self._shared is not None:
            return []
        await self._freshen()
        now = self._services.clock.now()
        live = [key for row, key in self._loaded.values() if row.verifies(now)]
        return [dict(key.public_jwk) for key in live if key.public_jwk]

    async def told(self) -> Sequence[IssuerKey]:
        """All keys, the retired ones too, oldest first; a shared secret last."""
        await self._freshen()
        now = self._services.clock.now()
        keys = [
            IssuerKey(
                id=row.id,
                algorithm=row.algorithm,
                state=state_of(row, self._rows, now),
                created_at=row.created_at,
                signs_from=row.signs_from,
                retired_at=row.retired_at,
            )
            for row in self._rows
        ]
        if self._shared is None:
            return keys
        # A pair signs nothing while a secret is set, and goes on verifying what it signed before.
        pairs = [key if key.state == "retired" else replace(key, state="verifying") for key in keys]
        shared = IssuerKey(id=self._shared.id, algorithm=self._shared.algorithm, state="signing")
        return [*pairs, shared]

    def make(self) -> SigningKey:
        """A new key pair, not stored. Raises `Conflict` where a shared secret signs."""
        if self._shared is not None:
            raise Conflict(
                "Tokens are signed with a shared secret. To rotate it, change AGENTBOX_JWT_SECRET "
                "([plugins.jwt] secret) on every replica and restart; to have keys that rotate, "
                "leave it out."
            )
        return generate(self._services.sealer, self._services.clock.now())

    def _note(self, change: Change) -> None:
        if change.kind in ("signing_key", "all"):
            self._noticed += 1

    def _get(self, key_id: str) -> Key | None:
        if self._shared is not None and key_id == self._shared.id:
            return self._shared
        row, key = self._loaded.get(key_id, (None, None))
        return key if row is not None and row.verifies(self._services.clock.now()) else None

    def _may_ask_again(self) -> bool:
        return self._services.clock.monotonic() - self._read_at >= AGAIN_AFTER

    async def _freshen(self) -> None:
        """Everyone who comes after a notice waits for a read that began after it."""
        if self._known != self._noticed:
            await self._read_with_others()

    async def _read_with_others(self) -> None:
        """Those who ask at the same time share one read, and its failure: one after the other they
        would wait for a database that does not answer as often as there are requests."""
        reading = self._reading
        if reading is None or reading.done() or self._reading_for != self._noticed:
            self._reading_for = self._noticed
            reading = self._reading = asyncio.create_task(self._read())
            reading.add_done_callback(_see)
        await asyncio.shield(reading)

    async def _read(self, *, strict: bool = False) -> None:
        noticed = self._noticed
        self._read_at = self._services.clock.monotonic()
        async with self._services.storage.transaction(read_only=True) as tx:
            rows = await tx.signing_keys.list()
        if noticed < self._known:
            return  # one that began later was quicker
        self._loaded = dict(self._entries(rows, strict))
        self._rows = rows
        self._known = noticed

    def _entries(
        self, rows: Sequence[SigningKey], strict: bool
    ) -> Iterator[tuple[str, tuple[SigningKey, Key]]]:
        now = self._services.clock.now()
        for row in rows:
            if not row.verifies(now):
                continue  # kept for the audit; it need not even open
            try:
                yield row.id, (row, self._load(row))
            except StartError as fault:
                # At the start it stops the start; later, one bad key must not hide the others.
                if strict:
                    raise
                self._services.log.error("signing_key_refused", key=row.id, reason=str(fault))

    def _load(self, row: SigningKey) -> Key:
        known = self._loaded.get(row.id)
        if known is not None and replace(known[0], retired_at=row.retired_at) == row:
            return known[1]
        return load(row, self._services.sealer)

    async def _add_first(self) -> None:
        row = generate(self._services.sealer, self._services.clock.now())
        async with self._services.storage.transaction() as tx:
            await tx.lock("signing_keys")
            # Another process may have been first since we looked.
            if all(other.retired_at is not None for other in await tx.signing_keys.list()):
                await tx.signing_keys.add(row)
                tx.changed(Change("signing_key", row.id))


def _see(task: asyncio.Task[None]) -> None:
    """Whoever waits gets the exception; nobody may be left to."""
    if not task.cancelled():
        task.exception()
