"""A copy holds what its source holds, whatever kinds the two are of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agentbox.core.copying import copying
from agentbox.errors import StorageError
from agentbox.model.metrics import Sample
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Page, Storage
from agentbox.testing.samples import NOON, a_user, an_event
from agentbox.testing.storage.charts import CPU, START, chart, series
from tests.storage.copying.places import Place, changes, copied, silently

EVERY_PAIR = pytest.mark.parametrize(
    "kinds", ["sqlite-postgres", "postgres-sqlite", "sqlite-sqlite", "postgres-postgres"]
)


async def tables(storage: Storage) -> set[str]:
    """Every one that is there, but for those that migrations are written down in."""
    async with storage.tables() as there:
        assert {"users", "api_key_usage", "audit_seals", "markers"} <= there.shapes.keys()
        return set(there.shapes)


async def trail(storage: Storage) -> list[tuple[int, str, object]]:
    async with storage.open(brief=True), storage.transaction(read_only=True) as tx:
        return [(row.seq, row.event.id, row.event.details) for row in await tx.audit.rows(0, 1000)]


async def everybody(storage: Storage) -> list[object]:
    async with storage.open(brief=True), storage.transaction(read_only=True) as tx:
        return [*await tx.users.list(UserFilter(), Page(1000)), *await tx.signing_keys.list()]


@EVERY_PAIR
async def test_every_table_is_the_same_on_the_other_side(source: Place, target: Place) -> None:
    report = await copied(source, target)

    assert {table.name for table in report.tables} == await tables(source.storage)
    assert all(table.source.rows for table in report.tables), "a table is empty"
    assert {table.name for table in report.tables if table.written != table.source.rows} == set()
    assert await everybody(target.storage) == await everybody(source.storage)
    assert await trail(target.storage) == await trail(source.storage)


async def test_a_copy_that_is_copied_on_has_the_same_digests(source: Place, target: Place) -> None:
    first = await copied(source, target)
    source.run("DELETE FROM grants")
    source.run("DELETE FROM audit")
    back = await copied(target, source, force=True)

    assert [table.source for table in back.tables] == [table.source for table in first.tables]


async def test_nothing_is_written_where_nothing_has_changed(source: Place, target: Place) -> None:
    await copied(source, target)

    assert changes(await copied(source, target)) == {}


@EVERY_PAIR
async def test_the_next_copy_writes_what_has_changed_and_deletes_what_is_gone(
    source: Place, target: Place
) -> None:
    await copied(source, target)
    source.run("DELETE FROM users WHERE id = 'user-2'")
    source.run("DELETE FROM api_keys WHERE id = 'key-3'")
    source.run("DELETE FROM environments")
    source.run("UPDATE users SET username = 'other' WHERE id = 'user-1'")
    async with source.storage.open(brief=True), source.storage.transaction() as tx:
        await tx.users.add(a_user("user-3"))
        await tx.audit.add(an_event("later"))

    assert changes(await copied(source, target)) == {
        "users": (2, 1),
        "api_keys": (0, 1),
        "environments": (0, 1),
        "environment_labels": (0, 2),
        "environment_reports": (0, 1),
        "grants": (0, 1),
        "audit": (1, 0),
    }


async def test_names_that_were_exchanged_are_exchanged(source: Place, target: Place) -> None:
    await copied(source, target)
    for name, of in (("between", "1"), ("name-of-user-1", "2"), ("name-of-user-2", "1")):
        source.run("UPDATE users SET username_key = ? WHERE id = ?", name, f"user-{of}")

    await copied(source, target)

    keys = target.run("SELECT id, username_key FROM users WHERE id IN ('user-1', 'user-2')")
    assert dict(keys) == {"user-1": "name-of-user-2", "user-2": "name-of-user-1"}


async def test_a_name_that_somebody_gave_up_is_taken_on(source: Place, target: Place) -> None:
    await copied(source, target)
    source.run("UPDATE users SET username_key = 'new' WHERE id = 'user-2'")
    source.run("UPDATE users SET username_key = 'name-of-user-2' WHERE id = 'user-1'")

    await copied(source, target)


async def test_the_trail_goes_on_with_the_next_number(source: Place, target: Place) -> None:
    """Also where the last rows are gone: a number is never given twice."""
    source.run("DELETE FROM audit WHERE seq > 5")
    given = max(seq for seq, *_ in await _with_one_more(source))
    source.run("DELETE FROM audit WHERE seq > 5")

    await copied(source, target)

    assert max(seq for seq, *_ in await _with_one_more(target)) == given + 1


async def _with_one_more(place: Place) -> list[tuple[int, str, object]]:
    async with place.storage.open(brief=True), place.storage.transaction() as tx:
        await tx.audit.add(an_event("one more"))
    return await trail(place.storage)


async def test_nobody_holds_a_job_on_the_copy(source: Place, target: Place) -> None:
    """The lease is of a process that works on the source; its fence is kept."""
    async with source.storage.open(brief=True), source.storage.transaction() as tx:
        lease = await tx.jobs.claim("job", NOON, NOON + timedelta(hours=1))
    assert lease is not None

    await copied(source, target)

    async with target.storage.open(brief=True), target.storage.transaction() as tx:
        taken = await tx.jobs.claim("job", NOON, NOON + timedelta(hours=2))
    assert taken is not None
    assert taken.fence == lease.fence + 1


async def test_a_copy_is_one_moment_of_a_source_that_is_written(
    source: Place, target: Place
) -> None:
    """A user with its event, or neither."""
    number = 0

    async with source.storage.open():

        async def write() -> None:
            nonlocal number
            number += 1
            async with source.storage.transaction() as tx:
                await tx.users.add(a_user(f"!{number}"))
                await tx.audit.add(an_event(f"of {number}"))

        await write()
        async with source.storage.tables() as there:
            seen = [await there.count(table) for table in ("users", "audit")]
            await write()
            async for _ in there.rows("users", ["id"]):
                await write()
            assert [await there.count(table) for table in ("users", "audit")] == seen
    assert number == 3
    await copied(source, target)


async def test_a_comparison_finds_what_differs_and_writes_nothing(
    source: Place, target: Place
) -> None:
    await copied(source, target)
    target.run("UPDATE users SET status = 'suspended' WHERE id = 'user-2'")
    source.run("DELETE FROM audit WHERE id = 'event-3'")

    for _ in range(2):
        report = await copying.compare(source.storage, target.storage, silently)
        assert {table.name for table in report.tables if not table.alike} == {"users", "audit"}


async def test_another_deployment_is_not_written_over(source: Place, target: Place) -> None:
    async with target.storage.open(brief=True), target.storage.transaction() as tx:
        await tx.users.add(a_user("of another"))
        await tx.markers.claim("root_secret", "sealed there")

    with pytest.raises(StorageError, match="no copy of this database"):
        await copied(source, target)
    assert target.run("SELECT id FROM users") == [("of another",)]

    await copied(source, target, force=True)
    assert target.run("SELECT id FROM users WHERE id = 'of another'") == []


@pytest.mark.parametrize("source_went_on", [False, True])
async def test_a_copy_that_was_used_is_not_written_over(
    source: Place, target: Place, source_went_on: bool
) -> None:
    """Whoever starts the copy once more after the move would undo all that was done since."""
    await copied(source, target)
    async with target.storage.open(brief=True), target.storage.transaction() as tx:
        await tx.audit.add(an_event("server.start there"))
        await tx.users.add(a_user("made since"))
    if source_went_on:
        async with source.storage.open(brief=True), source.storage.transaction() as tx:
            for number in range(3):
                await tx.audit.add(an_event(f"server.start here {number}"))

    with pytest.raises(StorageError, match="has been used since"):
        await copied(source, target)
    assert target.run("SELECT id FROM users WHERE id = 'made since'") == [("made since",)]

    await copied(source, target, force=True)


async def test_a_copy_older_than_what_the_source_keeps_of_its_trail_is_written_by_force_alone(
    source: Place, target: Place
) -> None:
    """From its numbers alone nobody can tell it from one that has been used."""
    await copied(source, target)
    async with source.storage.open(brief=True), source.storage.transaction() as tx:
        await tx.audit.add(an_event("later"))
    ((last,),) = source.run("SELECT seq FROM audit WHERE id = 'event-15'")
    async with source.storage.open(brief=True), source.storage.transaction() as tx:
        assert await tx.audit.cut(last) == last

    with pytest.raises(StorageError, match="older than what this"):
        await copied(source, target)
    assert changes(await copied(source, target, force=True))["audit"] == (1, last)


async def test_an_error_on_the_way_leaves_the_target_as_it_was(
    source: Place, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with target.storage.writable_tables() as tables:
        kind = type(tables)
    put = kind.put

    async def put_some(self: Any, table: str, *values: Any, **more: Any) -> None:
        if table == "grants":
            raise StorageError("the disk is full", full=True)
        await put(self, table, *values, **more)

    monkeypatch.setattr(kind, "put", put_some)
    with pytest.raises(
        StorageError, match=r"Rows of grants can't be written.*disk is full"
    ) as told:
        await copied(source, target)
    assert told.value.full
    monkeypatch.undo()
    assert target.run("SELECT count(*) FROM users") == [(0,)]
    await copied(source, target)


async def test_a_storage_that_can_t_be_copied_says_so(source: Place) -> None:
    with pytest.raises(StorageError, match="can't be copied"):
        Storage.tables(source.storage)
    with pytest.raises(StorageError, match="can't be copied to"):
        Storage.writable_tables(source.storage)


async def test_series_go_on_where_they_were_copied_to(source: Place, target: Place) -> None:
    await copied(source, target)

    later = START + timedelta(days=2)
    samples = [Sample(CPU, 0.3, "environment-1"), Sample("requests", 4.0)]
    async with target.storage.open(brief=True), target.storage.transaction() as tx:
        before = await series(tx)
        await tx.metrics.put(later, samples)

        assert await chart(tx, end=later + timedelta(hours=1)) == [(START, 0.1), (later, 0.3)]
        assert len(await series(tx)) == len(before) + 1
        new = await chart(tx, type_="requests", environment_id=None, end=later + timedelta(hours=1))
        assert new == [(later, 4.0)]
