"""Walks the whole trail and says where it is not what was sealed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from heapq import merge
from itertools import groupby
from typing import NamedTuple, Protocol

from agentbox.core.audit.chain import GENESIS, Chain
from agentbox.model.audit import AuditEvent, AuditPoint, AuditRow, AuditSeal
from agentbox.plugin.storage import Storage

CHUNK = 1000
"""Rows read in one transaction."""

MOST_FAULTS = 20
"""After so many the walk ends: what is wrong is clear by then."""


class Entry(NamedTuple):
    """What stands under one number: a row, its seal, or both."""

    seq: int
    row: AuditRow | None
    mac: bytes | None


class Chunk(NamedTuple):
    """A piece of the trail as it is at one moment, with its two ends at that moment."""

    anchor: AuditPoint | None
    head: AuditPoint | None
    entries: Sequence[Entry]
    is_last: bool


class Trail(Protocol):
    """Where a trail is read from."""

    async def chunk(self, after: int) -> Chunk:
        """What follows the number `after`."""


class Fault(NamedTuple):
    """One thing that is wrong: which kind, at which number, and a sentence."""

    kind: str
    seq: int
    sentence: str


class Verdict(NamedTuple):
    """What a walk found. `unsealed` are rows written since the last seal: no fault."""

    sealed: int
    unsealed: int
    head: AuditPoint | None
    anchor: AuditPoint | None
    faults: Sequence[Fault]


class StoredTrail:
    """The trail in a storage, read a chunk at a time, beside whoever writes."""

    def __init__(self, storage: Storage, size: int = CHUNK) -> None:
        self._storage = storage
        self._size = size

    async def chunk(self, after: int) -> Chunk:
        """As `Trail` promises, in one read."""
        async with self._storage.transaction(read_only=True) as tx:
            anchor, head = await tx.audit.point("anchor"), await tx.audit.point("head")
            rows = await tx.audit.rows(after, self._size)
            seals = await tx.audit.seals(after, self._size)
        full = [each[-1].seq for each in (rows, seals) if len(each) == self._size]
        # Beyond the shorter of two full reads there may be more of the other.
        entries = [e for e in _side_by_side(rows, seals) if not full or e.seq <= min(full)]
        return Chunk(anchor, head, entries, is_last=not full)


def _side_by_side(rows: Sequence[AuditRow], seals: Sequence[AuditSeal]) -> Iterator[Entry]:
    both: Iterator[AuditRow | AuditSeal] = merge(rows, seals, key=lambda each: each.seq)
    for seq, group in groupby(both, key=lambda each: each.seq):
        found = list(group)
        row = next((each for each in found if isinstance(each, AuditRow)), None)
        mac = next((each.mac for each in found if isinstance(each, AuditSeal)), None)
        yield Entry(seq, row, mac)


async def verify(trail: Trail, chain: Chain) -> Verdict:
    """Walk from the anchor to the last row. Raises `StorageError` if it can't be read."""
    walk = _Walk(trail, chain)
    after, is_last = 0, False
    while not is_last and len(walk.faults) < MOST_FAULTS:
        chunk = await trail.chunk(after)
        walk.begin(chunk)
        for entry in chunk.entries:
            await walk.step(entry)
            after = entry.seq
        is_last = chunk.is_last
    walk.end(at_end=is_last)
    return Verdict(walk.sealed, walk.unsealed, walk.head, walk.anchor, walk.faults[:MOST_FAULTS])


class _Walk:
    def __init__(self, trail: Trail, chain: Chain) -> None:
        self._trail = trail
        self._chain = chain
        self._position = 0
        self._previous = GENESIS
        self._strays: dict[int, AuditEvent] = {}
        self._beyond = False
        self.sealed = 0
        self.unsealed = 0
        self.anchor: AuditPoint | None = None
        self.head: AuditPoint | None = None
        self.faults: list[Fault] = []

    def begin(self, chunk: Chunk) -> None:
        """Rows may have been sealed, or cut off by retention, since the chunk before."""
        self.head = chunk.head
        if chunk.anchor != self.anchor:
            self.anchor = chunk.anchor
            if self.anchor is not None and self.anchor.seq >= self._position:
                self._position, self._previous = self.anchor.seq, self.anchor.mac
        for name, point in (("anchor", self.anchor), ("head", self.head)):
            if point is not None and not self._chain.is_genuine(point):
                self._note_end(name, point)

    def _note_end(self, name: str, point: AuditPoint) -> None:
        why = "was changed" if self._chain.knows(point.tag) else "was made by another root secret"
        self._note(name, point.seq, f"The {name} of the sealed trail {why}.")

    async def step(self, entry: Entry) -> None:
        """The next entry."""
        if self._beyond:
            self.unsealed += entry.row is not None
        elif self.anchor is not None and entry.seq <= self.anchor.seq:
            self._note("inserted", entry.seq, f"Row {entry.seq} stands before the anchor.")
        elif entry.mac is not None:
            await self._step_sealed(entry, entry.mac)
        elif self.head is None or entry.seq > self.head.seq:
            self._beyond = True
            self.unsealed += 1
        elif not self._fits_elsewhere(entry):
            told = f"Row {entry.seq} was inserted: it has no seal, and later rows have."
            self._note("inserted", entry.seq, told)

    async def _step_sealed(self, entry: Entry, mac: bytes) -> None:
        if self.head is None or entry.seq > self.head.seq:
            told = f"The head of the sealed trail is gone or set back: row {entry.seq} is sealed."
            self._note("head", 0, told)
        event = entry.row.event if entry.row is not None else None
        if event is None or not self._chain.holds(mac, self._previous, entry.seq, event):
            await self._note_broken(entry, mac)
        self.sealed += 1
        self._position, self._previous = entry.seq, mac

    async def _note_broken(self, entry: Entry, mac: bytes) -> None:
        seq, first = entry.seq, not self.faults
        if entry.row is not None and entry.row.event is not None:
            self._strays[seq] = entry.row.event
        there = await self._place_of(seq, mac, search=first)
        if there is not None:
            told = f"Rows were reordered: what was sealed as row {seq} now stands at {there}."
            self._note("reordered", seq, told)
        elif entry.row is None:
            self._note("deleted", seq, f"Row {seq} was deleted: its seal is there, it is not.")
        elif not self._chain.knows(mac):
            told = f"The seal of row {seq} was made by another root secret, or changed."
            self._note("edited", seq, told)
        elif seq > self._position + 1:
            gap = _span(self._position + 1, seq - 1)
            self._note("deleted", seq, f"{gap} before row {seq} deleted, with the seals.")
        else:
            told = f"Row {seq} or its seal was edited: they don't belong together."
            self._note("edited", seq, told)

    async def _place_of(self, seq: int, mac: bytes, *, search: bool) -> int | None:
        """Where the row is that was sealed as `seq`; the whole trail is searched only once."""
        for place, event in self._strays.items():
            if place != seq and self._chain.holds(mac, self._previous, seq, event):
                return place
        if search:
            async for row in _rows(self._trail):
                found = row.event
                if found and self._chain.holds(mac, self._previous, seq, found):
                    self._strays[row.seq] = found
                    return row.seq
        return None

    def _fits_elsewhere(self, entry: Entry) -> bool:
        """Whether it was told already that this row belongs to another place."""
        return entry.seq in self._strays

    def end(self, *, at_end: bool) -> None:
        """What only the end of the trail tells."""
        if self.head is None or not at_end:
            return
        if self._position < self.head.seq:
            gap = _span(self._position + 1, self.head.seq)
            self._note("cut", self.head.seq, f"{gap} cut off the end of the sealed trail.")
        elif self._position == self.head.seq and self._previous != self.head.mac:
            told = f"The seal of row {self._position} is not the one of the head."
            self._note("head", self._position, told)

    def _note(self, kind: str, seq: int, sentence: str) -> None:
        fault = Fault(kind, seq, sentence)
        if (kind, seq) not in {(known.kind, known.seq) for known in self.faults}:
            self.faults.append(fault)


async def _rows(trail: Trail) -> AsyncIterator[AuditRow]:
    after, is_last = 0, False
    while not is_last:
        chunk = await trail.chunk(after)
        for entry in chunk.entries:
            after = entry.seq
            if entry.row is not None:
                yield entry.row
        is_last = chunk.is_last


def _span(first: int, last: int) -> str:
    return f"Row {first} was" if first == last else f"Rows {first} to {last} were"
