"""The trail: numbered, sealed, cut from the front."""

from __future__ import annotations

from agentbox.model.audit import AuditPoint, AuditSeal
from agentbox.plugin.storage import Storage, Transaction
from agentbox.testing.samples import HOUR, NOON, TICK, an_event
from agentbox.testing.storage.harness import StorageTests

MAC = bytes(range(36))


class AuditTests(StorageTests):
    """Rows, seals and the ends of the trail."""

    async def test_the_audit_gives_first_what_was_added_last(self, storage: Storage) -> None:
        """Neither ids nor times have that order."""
        bare = an_event(
            "b", time=NOON + TICK, target=None, address=None, request_id=None, details={}
        )
        async with storage.transaction() as tx:
            await tx.audit.add(bare)
            await tx.audit.add(an_event("c", result="denied", organization_id="elsewhere"))
            await tx.audit.add(an_event("a", time=NOON - HOUR))
            assert [event.id for event in await tx.audit.last(2)] == ["a", "c"]
            assert (await tx.audit.last(9))[1].organization_id == "elsewhere"
            assert (await tx.audit.last(9))[2] == bare

    async def test_rows_of_the_audit_are_numbered_as_they_are_added(self, storage: Storage) -> None:
        events = [an_event("b"), an_event("c", time=NOON - HOUR), an_event("a")]
        async with storage.transaction() as tx:
            for event in events:
                await tx.audit.add(event)
        async with storage.transaction(read_only=True) as tx:
            rows = await tx.audit.rows(0, 9)
            assert [row.event for row in rows] == events
            numbers = [row.seq for row in rows]
            assert numbers == sorted(set(numbers))
            assert numbers[0] > 0

            assert await tx.audit.rows(0, 2) == rows[:2]
            assert await tx.audit.rows(numbers[0], 9) == rows[1:]
            assert await tx.audit.unsealed(numbers[0], 1) == rows[1:2]
            assert await tx.audit.rows(numbers[2], 9) == []

    async def test_a_number_is_never_given_twice(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.audit.add(an_event("a"))
            (first,) = await tx.audit.rows(0, 9)
            await tx.audit.cut(first.seq)
        async with storage.transaction() as tx:
            await tx.audit.add(an_event("b"))
            (second,) = await tx.audit.rows(0, 9)
        assert second.seq > first.seq

    async def test_seals_come_back_in_the_order_of_their_rows(self, storage: Storage) -> None:
        seals = [AuditSeal(number, MAC[::-1] if number == 2 else MAC) for number in (1, 2, 3)]
        async with storage.transaction() as tx:
            await tx.audit.add_seals(seals[1:])
            await tx.audit.add_seals(seals[:1])
            await tx.audit.add_seals([])
            assert await tx.audit.seals(0, 9) == seals
            assert await tx.audit.seals(1, 1) == seals[1:2]

    async def test_the_ends_of_the_trail_are_replaced(self, storage: Storage) -> None:
        old, head = AuditPoint("head", 7, MAC, b"old"), AuditPoint("head", 9, MAC, b"\x00tag")
        anchor = AuditPoint("anchor", 3, MAC, b"other")
        async with storage.transaction() as tx:
            assert await tx.audit.point("head") is None
            for point in (old, anchor, head):
                await tx.audit.put_point(point)
            assert await tx.audit.point("head") == head
            assert await tx.audit.point("anchor") == anchor

    async def test_the_trail_is_cut_from_the_front(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await _add_sealed(tx, "a", "b", "c")
            numbers = [row.seq for row in await tx.audit.rows(0, 9)]

            assert await tx.audit.cut(numbers[1]) == 2
            assert await tx.audit.cut(numbers[1]) == 0

            assert [row.seq for row in await tx.audit.rows(0, 9)] == numbers[2:]
            assert [seal.seq for seal in await tx.audit.seals(0, 9)] == numbers[2:]


async def _add_sealed(tx: Transaction, *ids: str) -> None:
    for id_ in ids:
        await tx.audit.add(an_event(id_))
    await tx.audit.add_seals([AuditSeal(row.seq, MAC) for row in await tx.audit.rows(0, 99)])
