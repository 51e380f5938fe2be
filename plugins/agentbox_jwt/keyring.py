"""The keys in memory: made on the first start, read again when they may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from agentbox.errors import StartError, Unavailable
from agentbox.model.secret import Secret
from agentbox.model.signing_keys import SigningKey
from agentbox.plugin import Change, Services
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
        self._rows: Mapping[str, tuple[SigningKey, Key]] = {}
        self._lock = asyncio.Lock()
        self._stale = True
        self._read_at = 0.0

    async def open(self) -> None:
        """Read the keys; make one if none signs. Raises `StartError` for keys that don't fit."""
        self._services.storage.on_change(self._note)
        await self._read(strict=True)
        if self._shared is None and self._newest() is None:
            await self._make()
            await self._read(strict=True)

    async def find(self, key_id: str) -> Key | None:
        """The key with exactly this id, if it still verifies."""
        await self._freshen()
        if (key := self._get(key_id)) is None and self._may_ask_again():
            async with self._lock:
                if self._may_ask_again():
                    await self._read()
            key = self._get(key_id)
        if key is None or not key.verifies(self._services.clock.now()):
            return None
        return key

    async def signer(self) -> Key:
        """The key that signs new tokens. Raises `Unavailable` if there is none."""
        await self._freshen()
        if (key := self._shared or self._newest()) is None:
            raise Unavailable("No signing key is there.")
        return key

    async def published(self) -> Sequence[Mapping[str, str]]:
        """Public JWKs of the keys that verify; none where a shared secret signs."""
        await self._freshen()
        now = self._services.clock.now()
        if self._shared is not None:
            return []
        keys = [key for _, key in self._rows.values()]
        return [dict(key.public_jwk) for key in keys if key.public_jwk and key.verifies(now)]

    def _note(self, change: Change) -> None:
        if change.kind in ("signing_key", "all"):
            self._stale = True

    def _get(self, key_id: str) -> Key | None:
        if self._shared is not None and key_id == self._shared.id:
            return self._shared
        entry = self._rows.get(key_id)
        return None if entry is None else entry[1]

    def _newest(self) -> Key | None:
        live = [key for row, key in self._rows.values() if row.retired_at is None]
        return live[-1] if live else None

    def _may_ask_again(self) -> bool:
        return self._services.clock.monotonic() - self._read_at >= AGAIN_AFTER

    async def _freshen(self) -> None:
        if self._stale:
            async with self._lock:
                if self._stale:
                    await self._read()

    async def _read(self, *, strict: bool = False) -> None:
        was_stale, self._stale = self._stale, False
        self._read_at = self._services.clock.monotonic()
        try:
            async with self._services.storage.transaction(read_only=True) as tx:
                rows = await tx.signing_keys.list()
        except BaseException:
            self._stale = was_stale
            raise
        self._rows = dict(self._entries(rows, strict))

    def _entries(
        self, rows: Sequence[SigningKey], strict: bool
    ) -> Iterator[tuple[str, tuple[SigningKey, Key]]]:
        for row in rows:
            try:
                yield row.id, (row, self._load(row))
            except StartError as fault:
                # At the start it stops the start; later, one bad key must not hide the others.
                if strict:
                    raise
                self._services.log.error("signing_key_refused", key=row.id, reason=str(fault))

    def _load(self, row: SigningKey) -> Key:
        known = self._rows.get(row.id)
        if known is not None and known[0] == row:
            return known[1]
        return load(row, self._services.sealer)

    async def _make(self) -> None:
        row = generate(self._services.sealer, self._services.clock.now())
        async with self._services.storage.transaction() as tx:
            await tx.lock("signing_keys")
            # Another process may have been first since we looked.
            if all(other.retired_at is not None for other in await tx.signing_keys.list()):
                await tx.signing_keys.add(row)
                tx.changed(Change("signing_key", row.id))
