"""What waits for somebody to come back: sealed, found by a text that only they have, used once."""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from datetime import datetime, timedelta
from typing import Final, Literal, TypeVar

import msgspec
import structlog
from msgspec import Struct

from agentbox.errors import StartError
from agentbox.model.sessions import LoginFlow
from agentbox.plugin.services import Clock, Sealer
from agentbox.plugin.storage import Storage

Kind = Literal["redirect", "exchange"]

WaitingT = TypeVar("WaitingT", bound=Struct)

LONGEST: Final = 128

MOST_WAITING: Final = 10_000
"""Redirect flows that wait at a time, in all: anybody may begin one, and each takes a row."""

WARNED_EVERY: Final = 60.0
"""Seconds between two warnings that there are too many."""

_TEXT = re.compile(r"([0-9a-f]{16})\.[A-Za-z0-9_-]{43}")

_log = structlog.get_logger("agentbox.login")


class Flows:
    """Keeps values for a while, each under a text of 256 random bits whose digest alone is kept."""

    def __init__(self, storage: Storage, sealer: Sealer, clock: Clock) -> None:
        self._storage = storage
        self._sealer = sealer
        self._clock = clock
        self._warned = -math.inf

    async def keep(
        self,
        kind: Kind,
        value: Struct,
        lifetime: timedelta,
        *,
        flow: str = "",
        at_most: int | None = None,
    ) -> str:
        """The text that `take` gives the value back for, once, within `lifetime`.

        It begins with the name of its `flow`, which `flow_of` tells and which is no secret.
        If `at_most` of the kind wait already, those that came first make room; a few more may
        wait where several replicas add one at the same moment.
        """
        text = f"{flow}.{secrets.token_urlsafe(32)}"
        flow_id = _id_of(text)
        sealed = self._sealer.seal(msgspec.json.encode(value), place=_place(flow_id))
        row = LoginFlow(
            id=flow_id,
            authenticator_id=_owner(kind),
            sealed_state=sealed,
            expires_at=self._clock.now() + lifetime,
        )
        gone = 0
        async with self._storage.transaction() as tx:
            if at_most is not None:
                gone = await tx.login_flows.shorten(_owner(kind), at_most - 1)
            await tx.login_flows.add(row)
        if gone:
            self._warn(at_most, gone)
        return text

    async def find(self, kind: Kind, text: object, of: type[WaitingT]) -> WaitingT | None:
        """The value that was kept, which goes on waiting; None if there is none of that kind."""
        flow_id = _id_if_text(text)
        if flow_id is None:
            return None
        async with self._storage.transaction(read_only=True, single=True) as tx:
            flow = await tx.login_flows.find(flow_id, self._clock.now())
        return self._opened(kind, flow, of)

    async def take(self, kind: Kind, text: object, of: type[WaitingT]) -> WaitingT | None:
        """The value that was kept, used up by this; None if there is none of that kind.

        What waits for something else is left as it is.
        """
        flow_id = _id_if_text(text)
        if flow_id is None:
            return None
        async with self._storage.transaction() as tx:
            flow = await tx.login_flows.take(flow_id, _owner(kind), self._clock.now())
        return self._opened(kind, flow, of)

    def _warn(self, at_most: int | None, gone: int) -> None:
        """Once in a while: whoever begins so many would fill the log as well."""
        now = self._clock.monotonic()
        if now - self._warned >= WARNED_EVERY:
            self._warned = now
            _log.warning("too_many_flows_wait", at_most=at_most, gone=gone)

    def _opened(self, kind: Kind, flow: LoginFlow | None, of: type[WaitingT]) -> WaitingT | None:
        if flow is None or flow.authenticator_id != _owner(kind):
            return None
        try:
            plain = self._sealer.open(flow.sealed_state, place=_place(flow.id))
            return msgspec.json.decode(plain, type=of)
        except (StartError, msgspec.MsgspecError):
            _log.error("login_flow_not_opened", kind=kind)
            return None


def new_flow(now: datetime) -> str:
    """A name for a flow that begins now; those of one browser are in the order of their times."""
    return f"{int(now.timestamp()):08x}{secrets.token_hex(4)}"


def flow_of(text: object) -> str | None:
    """The name of the flow that a text was made for; None for what we never made."""
    named = _TEXT.fullmatch(text) if isinstance(text, str) else None
    return named and named[1]


def _id_if_text(text: object) -> str | None:
    """None for what we never made."""
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST or not text.isascii():
        return None
    return _id_of(text)


def _id_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _owner(kind: Kind) -> str:
    """What stands where a login that waits has its method; no id of one has a colon."""
    return f"core:{kind}"


def _place(flow_id: str) -> str:
    return f"login_flows:sealed_state:{flow_id}"
