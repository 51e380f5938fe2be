"""The trail as lines of JSON: what `agentbox audit export` prints and `verify --file` reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from agentbox.core.audit.verification import Chunk, Entry
from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.audit import AuditEvent, AuditPoint, AuditRow


class _Line(Struct, omit_defaults=True):
    """A row, a seal, both under one number, or one end of the trail with its tag."""

    seq: int
    event: AuditEvent | None = None
    mac: str | None = None
    end: Literal["anchor", "head"] | None = None
    tag: str | None = None


def lines_of(chunk: Chunk, *, is_first: bool) -> Iterator[bytes]:
    """The lines of a chunk: the anchor before the first entry, the head after the last."""
    if is_first and chunk.anchor is not None:
        yield _line_of(chunk.anchor)
    for entry in chunk.entries:
        event = entry.row.event if entry.row is not None else None
        mac = None if entry.mac is None else entry.mac.hex()
        yield msgspec.json.encode(_Line(entry.seq, event, mac))
    if chunk.is_last and chunk.head is not None:
        yield _line_of(chunk.head)


def _line_of(point: AuditPoint) -> bytes:
    line = _Line(point.seq, mac=point.mac.hex(), end=point.name, tag=point.tag.hex())
    return msgspec.json.encode(line)


class FileTrail:
    """A trail that was exported."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        """Raises `ValidationFailed` for a line that is none of an export."""
        self._ends: dict[str, AuditPoint] = {}
        self._entries: list[Entry] = []
        for number, text in enumerate(lines, start=1):
            try:
                self._take(msgspec.json.decode(text, type=_Line))
            except (msgspec.MsgspecError, ValueError):
                fault = FieldFault(f"/file/{number}", "is no line of an export")
                raise ValidationFailed(errors=[fault]) from None

    def _take(self, line: _Line) -> None:
        mac = None if line.mac is None else bytes.fromhex(line.mac)
        if line.end is not None:
            tag = bytes.fromhex(line.tag or "")
            self._ends[line.end] = AuditPoint(line.end, line.seq, mac or b"", tag)
        else:
            row = None if line.event is None else AuditRow(line.seq, line.event)
            self._entries.append(Entry(line.seq, row, mac))

    async def chunk(self, after: int) -> Chunk:
        """All of it at once."""
        entries = [entry for entry in self._entries if entry.seq > after]
        return Chunk(self._ends.get("anchor"), self._ends.get("head"), entries, is_last=True)
