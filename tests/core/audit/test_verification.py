"""Whatever is done to the sealed trail by somebody without the root secret is named."""

from __future__ import annotations

import pytest

from agentbox.core.audit.verification import Fault
from agentbox.plugin import Storage
from tests.core.audit.trail import (
    OTHER_SECRET,
    SECRET,
    add,
    add_sealed,
    chain_of,
    judged,
    seal,
    tamper,
)


@pytest.fixture
async def sealed(storage: Storage) -> Storage:
    """Nine sealed rows."""
    await add_sealed(storage, 1, 9)
    return storage


def kinds(faults: object) -> list[tuple[str, int]]:
    assert isinstance(faults, list)
    return [(fault.kind, fault.seq) for fault in faults if isinstance(fault, Fault)]


async def test_a_trail_as_it_was_sealed_has_no_fault(sealed: Storage) -> None:
    # OB-04: verifiable
    verdict = await judged(sealed)

    assert verdict.faults == []
    assert (verdict.sealed, verdict.unsealed) == (9, 0)
    assert verdict.head is not None
    assert verdict.head.seq == 9


async def test_an_empty_trail_has_no_fault(storage: Storage) -> None:
    verdict = await judged(storage)

    assert (verdict.faults, verdict.sealed, verdict.unsealed) == ([], 0, 0)


async def test_the_unsealed_tail_is_told_apart(sealed: Storage) -> None:
    await add(sealed, 10, 14)

    verdict = await judged(sealed)

    assert (verdict.faults, verdict.sealed, verdict.unsealed) == ([], 9, 5)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 9, 10, 100])
async def test_chunks_of_any_size_find_the_same(sealed: Storage, size: int) -> None:
    await add(sealed, 10, 11)
    verdict = await judged(sealed, size=size)
    assert (verdict.faults, verdict.sealed, verdict.unsealed) == ([], 9, 2)

    tamper(sealed, "DELETE FROM audit WHERE seq IN (4, 5)", "UPDATE audit SET id = 'x' WHERE seq=7")
    verdict = await judged(sealed, size=size)
    assert kinds(verdict.faults) == [("deleted", 4), ("deleted", 5), ("edited", 7)]


@pytest.mark.parametrize(
    "change",
    [
        "id = 'event-0099'",
        "occurred_at = occurred_at + $instant",
        "event = 'user.delete'",
        "actor = 'user:other'",
        "target = NULL",
        "target = 'user:user-2'",
        "result = 'denied'",
        "address = '192.0.2.1'",
        "request_id = NULL",
        "details = '{}'",
        """details = '{"field":"role","count":3,"first":true,"before":""}'""",
        "details = '[]'",
        "organization_id = 'elsewhere'",
        "occurred_at = $beyond",
    ],
)
async def test_an_edited_row_is_named(sealed: Storage, change: str) -> None:
    # OB-04: edit a row, and verify fails
    tamper(sealed, f"UPDATE audit SET {change} WHERE seq = 5")

    (fault,) = (await judged(sealed)).faults

    assert (fault.kind, fault.seq) == ("edited", 5)
    assert "Row 5" in fault.sentence


async def test_a_deleted_row_is_named(sealed: Storage) -> None:
    tamper(sealed, "DELETE FROM audit WHERE seq = 5")

    (fault,) = (await judged(sealed)).faults

    assert (fault.kind, fault.seq) == ("deleted", 5)


@pytest.mark.parametrize(
    ("rows", "told"),
    [("5", "Row 5 was"), ("4, 5, 6", "Rows 4 to 6 were"), ("1, 2", "Rows 1 to 2 were")],
)
async def test_rows_deleted_with_their_seals_are_named(
    sealed: Storage, rows: str, told: str
) -> None:
    gone = f"WHERE seq IN ({rows})"
    tamper(sealed, f"DELETE FROM audit {gone}", f"DELETE FROM audit_seals {gone}")

    (fault,) = (await judged(sealed)).faults

    assert fault.kind == "deleted"
    assert told in fault.sentence


async def test_an_inserted_row_is_named(sealed: Storage) -> None:
    columns = "occurred_at, event, actor, result, details"
    tamper(
        sealed,
        "DELETE FROM audit WHERE seq = 5",
        "DELETE FROM audit_seals WHERE seq = 5",
        f"INSERT INTO audit (seq, id, {columns}) SELECT 5, 'new', {columns} FROM audit WHERE seq=4",
    )

    faults = (await judged(sealed)).faults

    assert faults[0].kind == "inserted"
    assert faults[0].seq == 5


@pytest.mark.parametrize(("one", "other"), [(4, 5), (2, 8), (8, 9)])
async def test_reordered_rows_are_named(sealed: Storage, one: int, other: int) -> None:
    tamper(
        sealed,
        f"UPDATE audit SET seq = 1000 WHERE seq = {one}",
        f"UPDATE audit SET seq = {one} WHERE seq = {other}",
        f"UPDATE audit SET seq = {other} WHERE seq = 1000",
    )

    faults = (await judged(sealed)).faults

    assert kinds(faults) == [("reordered", one), ("reordered", other)]
    assert f"row {one} now stands at {other}" in faults[0].sentence


async def test_rows_reordered_with_their_seals_are_found(sealed: Storage) -> None:
    tamper(
        sealed,
        *(
            f"UPDATE {table} SET seq = {to} WHERE seq = {at}"
            for table in ("audit", "audit_seals")
            for at, to in ((4, 1000), (5, 4), (1000, 5))
        ),
    )

    assert (await judged(sealed)).faults[0].seq == 4


@pytest.mark.parametrize("rows", ["= 9", ">= 7"])
async def test_a_tail_that_was_cut_off_is_named(sealed: Storage, rows: str) -> None:
    tamper(
        sealed, f"DELETE FROM audit WHERE seq {rows}", f"DELETE FROM audit_seals WHERE seq {rows}"
    )

    (fault,) = (await judged(sealed)).faults

    assert (fault.kind, fault.seq) == ("cut", 9)


async def test_a_tail_that_was_cut_off_stays_named_when_the_server_goes_on(
    sealed: Storage,
) -> None:
    tamper(sealed, "DELETE FROM audit WHERE seq >= 8", "DELETE FROM audit_seals WHERE seq >= 8")
    await add_sealed(sealed, 10, 12)

    (fault,) = (await judged(sealed)).faults

    assert fault.kind == "deleted"
    assert "Rows 8 to 9 were" in fault.sentence


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_points SET seq = 7, mac = (SELECT mac FROM audit_seals WHERE seq = 7)",
        "UPDATE audit_points SET tag = $zeros",
        "DELETE FROM audit_points",
    ],
)
async def test_a_head_that_was_tampered_with_is_named(sealed: Storage, change: str) -> None:
    tail = ("DELETE FROM audit WHERE seq > 7", "DELETE FROM audit_seals WHERE seq > 7")
    tamper(sealed, *tail, change)

    assert "head" in [kind for kind, _ in kinds((await judged(sealed)).faults)]


async def test_an_anchor_of_ones_own_hides_no_cut(sealed: Storage) -> None:
    tamper(
        sealed,
        "INSERT INTO audit_points SELECT 'anchor', seq, mac, mac FROM audit_seals WHERE seq = 4",
        "DELETE FROM audit WHERE seq <= 4",
        "DELETE FROM audit_seals WHERE seq <= 4",
    )

    assert kinds((await judged(sealed)).faults) == [("anchor", 4)]


async def test_a_seal_that_was_edited_is_named(sealed: Storage) -> None:
    tamper(sealed, "UPDATE audit_seals SET mac = $zeros WHERE seq = 5")

    assert kinds((await judged(sealed)).faults)[0] == ("edited", 5)


async def test_another_root_secret_can_neither_seal_nor_hide(sealed: Storage) -> None:
    tamper(sealed, "UPDATE audit SET actor = 'user:x' WHERE seq = 2", "DELETE FROM audit_seals")
    tamper(sealed, "DELETE FROM audit_points")
    await seal(sealed, chain_of(OTHER_SECRET))

    verdict = await judged(sealed)

    assert ("head", 9) in kinds(verdict.faults)
    assert "another root secret" in verdict.faults[0].sentence


async def test_a_rotated_root_secret_goes_on_with_the_chain(sealed: Storage) -> None:
    rotated = chain_of(OTHER_SECRET, SECRET)
    await add(sealed, 10, 12)
    await seal(sealed, rotated)

    verdict = await judged(sealed, rotated)

    assert (verdict.faults, verdict.sealed) == ([], 12)


async def test_a_thousand_faults_are_told_as_twenty(storage: Storage) -> None:
    await add_sealed(storage, 1, 100)
    tamper(storage, "UPDATE audit SET actor = 'user:x'")

    assert len((await judged(storage)).faults) == 20


async def test_rows_sealed_during_the_walk_are_no_faults(sealed: Storage) -> None:
    """The server goes on while somebody verifies."""
    from agentbox.core.audit.verification import Chunk, StoredTrail, verify

    class Busy(StoredTrail):
        async def chunk(self, after: int) -> Chunk:
            chunk = await super().chunk(after)
            await add_sealed(sealed, 1000 + after, 1000 + after) if after < 20 else None
            return chunk

    await add(sealed, 10, 11)
    verdict = await verify(Busy(sealed, 2), chain_of())

    assert verdict.faults == []
    assert verdict.sealed + verdict.unsealed >= 11
