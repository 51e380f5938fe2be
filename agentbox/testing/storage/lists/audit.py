"""The trail, newest first."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from agentbox.model.audit import AuditEvent, AuditFilter
from agentbox.plugin.storage import Storage, Transaction
from agentbox.testing.samples import HOUR, NOON, TICK, an_event
from agentbox.testing.storage.harness import StorageTests

EVENTS = [
    an_event(
        f"{actor}-{target}-{event}-{result}-{hours}",
        actor=actor,
        target=target,
        event=event,
        result=result,
        time=NOON + hours * HOUR,
    )
    for hours, actor, target, event, result in itertools.product(
        (1, 0, 2), ("user:a", "user:b"), ("user:a", None), ("x.y", "x.z"), ("ok", "denied")
    )
]
"""Two of everything, at three times that don't come in order."""

FIELDS: dict[str, Callable[[AuditEvent, Any], bool]] = {
    "actor": lambda event, value: event.actor == value,
    "target": lambda event, value: event.target == value,
    "event": lambda event, value: event.event == value,
    "result": lambda event, value: event.result == value,
    "start": lambda event, value: event.time >= value,
    "end": lambda event, value: event.time < value,
}
CHOICES: dict[str, Any] = {
    "actor": "user:a",
    "target": "user:a",
    "event": "x.z",
    "result": "denied",
    "start": NOON + HOUR,
    "end": NOON + 2 * HOUR,
}


class AuditListTests(StorageTests):
    """Lists of the trail."""

    async def test_every_combination_of_filters_finds_its_rows_of_the_audit(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await _fill(tx)
            for names in _subsets(FIELDS):
                given = {name: CHOICES[name] for name in names}
                wanted = [
                    event.id
                    for event in _newest_first()
                    if all(FIELDS[name](event, value) for name, value in given.items())
                ]
                found = await tx.audit.list(AuditFilter(**given), 100)
                assert [event.id for _, event in found] == wanted, given

    async def test_the_audit_is_listed_page_by_page(self, storage: Storage) -> None:
        """Rows of one time are told apart by their numbers."""
        async with storage.transaction() as tx:
            await _fill(tx)
            before, seen = None, []
            while page := await tx.audit.list(AuditFilter(), 5, before):
                seen += [event.id for _, event in page]
                seq, last = page[-1]
                before = last.time, seq
            assert seen == [event.id for event in _newest_first()]

    async def test_a_page_of_the_audit_begins_below_a_row_that_is_gone(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.audit.add(an_event("old", time=NOON))
            ((seq, _),) = await tx.audit.list(AuditFilter(), 1)
            assert [e.id for _, e in await tx.audit.list(AuditFilter(), 9, (NOON, seq + 1))] == [
                "old"
            ]
            assert await tx.audit.list(AuditFilter(), 9, (NOON, seq)) == []
            assert await tx.audit.list(AuditFilter(), 9, (NOON - TICK, seq + 1)) == []


async def _fill(tx: Transaction) -> None:
    for event in EVENTS:
        await tx.audit.add(event)


def _newest_first() -> list[AuditEvent]:
    numbered = list(enumerate(EVENTS))
    return [e for _, e in sorted(numbered, key=lambda each: (each[1].time, each[0]), reverse=True)]


def _subsets(names: Any) -> list[tuple[str, ...]]:
    every = list(names)
    return [
        subset for size in range(len(every) + 1) for subset in itertools.combinations(every, size)
    ]
