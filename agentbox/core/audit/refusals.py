"""Refusals on their way to the trail: collected in memory, merged, written each second.

What is refused changes nothing, so nothing fails if its row is not there yet. A crash loses at
most what one second has noted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from agentbox.core.background.events import EventQueue
from agentbox.core.counters import Counters
from agentbox.errors import Conflict
from agentbox.model.audit import DENIED, AuditEvent
from agentbox.model.ids import new_id
from agentbox.model.principal import Origin
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage

MOST_WAITING = 1000
"""Different refusals of one second; more are dropped and counted."""

MOST_HELD = 10_000
"""Different refused reads whose ten minutes run."""

BATCH = 200
HOLD_SECONDS = 600.0

ANONYMOUS = "anonymous"

REASONS = frozenset(
    {
        # of logins
        "hash",
        "inactive",
        "nobody_knows_it",
        "password",
        "raced",
        "throttled",
        "unknown_identity",
        "unknown_flow",
        # of sign-ins at other sites
        "answer_issuer",
        "answer_issuer_missing",
        "browser",
        "client_refused",
        "code_missing",
        "code_refused",
        "denied",
        "domain",
        "email_taken",
        "id_token_access_token",
        "id_token_algorithm",
        "id_token_audience",
        "id_token_authorized_party",
        "id_token_exp",
        "id_token_expired",
        "id_token_iat",
        "id_token_issued_at",
        "id_token_issuer",
        "id_token_key",
        "id_token_malformed",
        "id_token_missing",
        "id_token_nbf",
        "id_token_nonce",
        "id_token_not_yet_valid",
        "id_token_signature",
        "id_token_subject",
        "id_token_type",
        "id_token_unsigned",
        "identity_taken",
        "issuer_changed",
        "not_fresh",
        "password_reset",
        "provider",
        "provider_connection",
        "provider_content",
        "provider_metadata",
        "provider_origin",
        "provider_redirect",
        "provider_refused",
        "provider_size",
        "provider_status",
        "provider_timeout",
        "provider_tls",
        "provider_unavailable",
        "provider_undiscovered",
        "session",
        "token_type",
        "unknown_provider",
        "unlinked",
        "userinfo_subject",
        "verifier",
        # of credentials
        "address",
        "again",
        "audience",
        "claims",
        "digest",
        "expired",
        "issuer",
        "key",
        "malformed",
        "nobody_claims_it",
        "rate",
        "not_yet_valid",
        "revoked",
        "signature",
        "state",
        "type",
        "unknown",
    }
)
OTHER = "other"
"""Stands for what a plugin says that is not one of `REASONS`: it might quote a secret."""

_log = structlog.get_logger("agentbox.audit")

Detail = tuple[str, str]
_Key = tuple[str, str, str | None, tuple[Detail, ...]]


class _Noted(NamedTuple):
    event: AuditEvent
    times: int


class _Held(NamedTuple):
    until: float
    event: AuditEvent
    more: int


def reason_of(text: str) -> str:
    """One of `REASONS`, or `other`."""
    return text if text in REASONS else OTHER


class Refusals:
    """Notes what was refused; `flush` writes it."""

    def __init__(
        self, storage: Storage, clock: Clock, counters: Counters, events: EventQueue
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._counters = counters
        self._events = events
        self._waiting: dict[_Key, _Noted] = {}
        self._held: dict[_Key, _Held] = {}
        self._unsure: list[AuditEvent] = []
        self._one_at_a_time = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many rows wait to be written."""
        return len(self._waiting)

    def login(self, origin: Origin, reason: str, user_id: str | None = None) -> None:
        """A login was refused. Whoever is no user of ours is `anonymous`, whatever was typed."""
        actor = ANONYMOUS if user_id is None else f"user:{user_id}"
        details = {"reason": reason_of(reason)}
        if origin.provider is not None:
            details["provider"] = origin.provider
        self.note("login.refuse", actor, origin, details)

    def note(
        self,
        event: str,
        actor: str,
        origin: Origin,
        details: Mapping[str, str],
        *,
        target: str | None = None,
        read: bool = False,
    ) -> None:
        """Something was refused; `details` come from closed sets, and tell one case from another.

        The target is that of the first.

        Of a refused `read` the same is written at once and then, with how many came meanwhile, no
        more than every ten minutes: a forgotten tab asks all the time.
        """
        key = (event, actor, origin.address, tuple(details.items()))
        if read and self._is_held(key):
            return
        noted = self._waiting.get(key)
        if noted is None and len(self._waiting) >= MOST_WAITING:
            self._counters.add("audit_refusals_dropped")
            return
        row = noted.event if noted else self._row(event, actor, origin, details, target)
        self._waiting[key] = _Noted(row, noted.times + 1 if noted else 1)
        if read and len(self._held) < MOST_HELD:
            self._held[key] = _Held(self._clock.monotonic() + HOLD_SECONDS, row, 0)

    def _is_held(self, key: _Key) -> bool:
        held = self._held.get(key)
        if held is None:
            return False
        self._held[key] = held._replace(more=held.more + 1)
        return True

    def _row(
        self,
        event: str,
        actor: str,
        origin: Origin,
        details: Mapping[str, str],
        target: str | None,
    ) -> AuditEvent:
        return AuditEvent(
            id=new_id(),
            time=self._clock.now(),
            event=event,
            actor=actor,
            target=target,
            result=DENIED,
            address=origin.address,
            request_id=origin.request_id,
            details=dict(details),
        )

    async def flush(self, *, all_of_it: bool = False) -> int:
        """Write what was noted, a batch a transaction; how many rows. What fails stays noted.

        `all_of_it` is for the end: reads that are held are written too. Goes on to its end if the
        caller is cancelled.
        """
        return await asyncio.shield(asyncio.create_task(self._flush(all_of_it)))

    async def _flush(self, all_of_it: bool) -> int:
        written = 0
        async with self._one_at_a_time:
            self._release(all_of_it)
            while self._unsure or self._waiting:
                # As it is now, it is tried until it is there: if the answer to a commit is lost,
                # nobody knows whether it took place, and only the same rows again can tell.
                rows = self._unsure = self._unsure or self._next_batch()
                with contextlib.suppress(Conflict):  # then it did
                    async with self._storage.transaction() as tx:
                        for row in rows:
                            await tx.audit.add(row)
                self._unsure = []
                self._tell(rows)
                written += len(rows)
        return written

    def _next_batch(self) -> list[AuditEvent]:
        """What comes from now on will be in rows of its own."""
        keys = list(islice(self._waiting, BATCH))
        return [_counted(self._waiting.pop(key)) for key in keys]

    def _release(self, all_of_it: bool) -> None:
        """Put what has been held for ten minutes among what is written, if there was any more."""
        now = self._clock.monotonic()
        due = [key for key, held in self._held.items() if all_of_it or held.until <= now]
        for key in due:
            held = self._held.pop(key)
            if held.more:
                again = replace(held.event, id=new_id(), time=self._clock.now())
                noted = self._waiting.get(key, _Noted(again, 0))
                self._waiting[key] = noted._replace(times=noted.times + held.more)

    def _tell(self, rows: Iterable[AuditEvent]) -> None:
        for row in rows:
            self._events.put(row)


def _counted(noted: _Noted) -> AuditEvent:
    """The row with how often the same was refused, unless it was once."""
    if noted.times == 1:
        return noted.event
    details = {**noted.event.details, "count": noted.times}
    return replace(noted.event, details=details)
