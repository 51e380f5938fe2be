"""The chain of seals: each vouches for its row and, by the seal before, for all rows before it.

mac(n) = HMAC-SHA256(key, mac(n-1) | canonical bytes of row n). The two ends are vouched for on
their own, so that nobody without the root secret can take rows off either of them unseen.
"""

from __future__ import annotations

import hmac
from typing import Literal

import msgspec

from agentbox.core.start.root_secret import MacKeys
from agentbox.model.audit import AuditEvent, AuditPoint
from agentbox.model.times import format_instant

LABEL = "audit"
KEY_ID = 4
GENESIS = bytes(KEY_ID + 32)
"""Stands for the seal before the first row."""


class Chain:
    """Makes seals and judges them."""

    def __init__(self, keys: MacKeys) -> None:
        self._keys = keys

    def seal(self, previous: bytes, seq: int, event: AuditEvent) -> bytes:
        """The seal of a row that follows the one sealed with `previous`: 4 bytes that name the
        key, 32 of HMAC."""
        return self._make(previous + canonical(seq, event))

    def holds(self, mac: bytes, previous: bytes, seq: int, event: AuditEvent) -> bool:
        """Whether `mac` is the seal of that row, after `previous`."""
        return self._made(mac, previous + canonical(seq, event))

    def knows(self, mac: bytes) -> bool:
        """Whether one of the secrets at hand claims to have made it."""
        return self._keys.digest(mac[:KEY_ID], b"") is not None

    def point(self, name: Literal["anchor", "head"], seq: int, mac: bytes) -> AuditPoint:
        """An end of the sealed trail, vouched for."""
        return AuditPoint(name, seq, mac, self._make(_end(name, seq, mac)))

    def is_genuine(self, point: AuditPoint) -> bool:
        """Whether one of the secrets put the end there."""
        return self._made(point.tag, _end(point.name, point.seq, point.mac))

    def _make(self, data: bytes) -> bytes:
        return self._keys.first_id + self._keys.first_digest(data)

    def _made(self, mac: bytes, data: bytes) -> bool:
        digest = self._keys.digest(mac[:KEY_ID], data)
        return digest is not None and hmac.compare_digest(digest, mac[KEY_ID:])


def canonical(seq: int, event: AuditEvent) -> bytes:
    """The bytes that a seal is about: a JSON array of all columns, details in order of names."""
    columns = (
        seq,
        event.id,
        format_instant(event.time),
        event.event,
        event.actor,
        event.target,
        event.result,
        event.address,
        event.request_id,
        dict(event.details),
        event.organization_id,
    )
    return msgspec.json.encode(columns, order="deterministic")


def _end(name: str, seq: int, mac: bytes) -> bytes:
    return msgspec.json.encode(["end", name, seq, mac.hex()])
