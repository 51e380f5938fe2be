"""Faults around the trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agentbox.testing.storage import CrudTests, ListTests
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.spoilt import Spoilt


class OrdersTheTrailByTime(Spoilt):
    """Takes the latest event for the last one."""

    def spoil(self, tx: Any) -> None:
        right = tx.audit.last

        async def last(limit: int) -> Any:
            every = await right(1000)
            return sorted(every, key=lambda event: (event.time, event.id), reverse=True)[:limit]

        tx.audit.last = last


class NumbersFromTheStart(Spoilt):
    """Gives the first rows again, whatever is asked for."""

    def spoil(self, tx: Any) -> None:
        right = tx.audit.rows

        async def rows(after: int, limit: int) -> Any:
            return await right(0, limit)

        tx.audit.rows = rows


class GivesNumbersAgain(Spoilt):
    """Forgets which numbers were given once their rows are cut."""

    def spoil(self, tx: Any) -> None:
        right = tx.audit.cut

        async def cut(upto: int) -> int:
            await tx._db.fetch("DELETE FROM sqlite_sequence WHERE name = 'audit'")
            return int(await right(upto))

        tx.audit.cut = cut


class KeepsSealsOfCutRows(Spoilt):
    """Cuts rows and leaves their seals."""

    def spoil(self, tx: Any) -> None:
        async def cut(upto: int) -> int:
            return len(await tx._db.fetch("DELETE FROM audit WHERE seq <= $1 RETURNING seq", upto))

        tx.audit.cut = cut


class KeepsTheFirstEnd(Spoilt):
    """Puts an end of the trail only once."""

    def spoil(self, tx: Any) -> None:
        right = tx.audit.put_point

        async def put_point(point: Any) -> None:
            if await tx.audit.point(point.name) is None:
                await right(point)

        tx.audit.put_point = put_point


class CutsSealsShort(Spoilt):
    """Loses the last byte of each seal."""

    def spoil(self, tx: Any) -> None:
        right = tx.audit.seals

        async def seals(after: int, limit: int) -> Any:
            return [seal._replace(mac=seal.mac[:-1]) for seal in await right(after, limit)]

        tx.audit.seals = seals


class IncludesTheEnd(Spoilt):
    """Takes `end` for the last moment that is wanted."""

    def spoil(self, tx: Any) -> None:
        right = tx.audit.list

        async def list_(where: Any, limit: int, before: Any = None) -> Any:
            end = where.end and msgspec.structs.replace(where, end=None)
            found = await right(end or where, limit, before)
            return [each for each in found if where.end is None or each[1].time <= where.end]

        tx.audit.list = list_


class PagesByTimeAlone(Spoilt):
    """Leaves out the rest of the rows of one time."""

    def spoil(self, tx: Any) -> None:
        right = tx.audit.list

        async def list_(where: Any, limit: int, before: Any = None) -> Any:
            return await right(where, limit, before and (before[0], 0))

        tx.audit.list = list_


class PagesFromTheRowItself(Spoilt):
    """Begins a page with the last row of the page before."""

    def spoil(self, tx: Any) -> None:
        right = tx.audit.list

        async def list_(where: Any, limit: int, before: Any = None) -> Any:
            return await right(where, limit, before and (before[0], before[1] + 1))

        tx.audit.list = list_


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    OrdersTheTrailByTime: (CrudTests, "test_the_audit_gives_first_what_was_added_last"),
    NumbersFromTheStart: (CrudTests, "test_rows_of_the_audit_are_numbered_as_they_are_added"),
    GivesNumbersAgain: (CrudTests, "test_a_number_is_never_given_twice"),
    KeepsSealsOfCutRows: (CrudTests, "test_the_trail_is_cut_from_the_front"),
    KeepsTheFirstEnd: (CrudTests, "test_the_ends_of_the_trail_are_replaced"),
    CutsSealsShort: (CrudTests, "test_seals_come_back_in_the_order_of_their_rows"),
    IncludesTheEnd: (
        ListTests,
        "test_every_combination_of_filters_finds_its_rows_of_the_audit",
    ),
    PagesByTimeAlone: (ListTests, "test_the_audit_is_listed_page_by_page"),
    PagesFromTheRowItself: (
        ListTests,
        "test_a_page_of_the_audit_begins_below_a_row_that_is_gone",
    ),
}
