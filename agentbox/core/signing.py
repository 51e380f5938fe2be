"""Keys that sign access tokens: what there is, and a new one in the place of the others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from agentbox.core.changes import Changes, Work
from agentbox.core.recognition.dispatch import Dispatcher, Named
from agentbox.errors import Conflict, Unavailable
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.scopes import SYSTEM_WRITE, ScopeTable
from agentbox.model.principal import Actor, Origin
from agentbox.model.signing_keys import ANNOUNCED_FOR, LONGEST_TOKEN, SigningKey
from agentbox.plugin.authenticator import IssuerKey, TokenIssuer
from agentbox.plugin.storage import Change


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
    ) -> None:
        self._issuer = issuer
        self._changes = changes
        self._scopes = scopes
        self._dispatcher = dispatcher

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
        issuer = self._the_issuer()
        made = await self._dispatcher.call(
            issuer.id, issuer.opened.make_key, gives=SigningKey, refusals=(Conflict,)
        )
        async with self._changes.begin(actor, origin) as work:
            require_scope(work.actor, SYSTEM_WRITE, self._scopes)
            await work.tx.lock("signing_keys")
            before = [key for key in await work.tx.signing_keys.list() if key.verifies(work.now)]
            if compromised:
                key, over = replace(made, created_at=work.now), work.now
            else:
                _require_none_waiting(before, work.now)
                begins = work.now + ANNOUNCED_FOR
                key = replace(made, created_at=work.now, signs_from=begins)
                over = begins + LONGEST_TOKEN
            await _put(work, key, before, over)
            await work.record(
                "signing_key.rotate",
                f"signing_key:{key.id}",
                {"compromised": compromised, "replaced": len(before)},
            )
        return key

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


async def _put(work: Work, key: SigningKey, before: Sequence[SigningKey], over: datetime) -> None:
    for old in before:
        await work.tx.signing_keys.retire(old.id, over)
    await work.tx.signing_keys.add(key)
    work.changed(Change("signing_key", key.id))
