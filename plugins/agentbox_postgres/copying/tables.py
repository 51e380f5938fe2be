"""The tables of a Postgres database, to be copied from and to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, NamedTuple

import asyncpg

from agentbox.errors import StorageError
from agentbox.plugin.migrations import BOOKKEEPING
from agentbox.plugin.storage.tables import (
    FIRST_BATCH,
    TEXT,
    TIME,
    Column,
    Row,
    Tables,
    TableShape,
    WritableTables,
    next_batch,
)
from agentbox_postgres.connection import FAILURES, translate, translated
from agentbox_postgres.copying.values import CODECS, FITS, KINDS

PATIENCE: Final = 10.0

BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
BEGIN = "BEGIN; SET LOCAL lock_timeout = '10s'"
NO_LIMIT = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
BE_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('agentbox:copy', 0))"

SELECT_TABLES = """
SELECT c.oid, c.relname::text, c.relpersistence = 'u' FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
AND NOT c.relispartition AND NOT EXISTS (SELECT 1 FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
SELECT_COLUMNS = """
SELECT a.attrelid, a.attname::text, t.typname::text FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
"""
SELECT_KEY = """
SELECT i.indrelid, a.attname::text
FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (number, place), pg_attribute a
WHERE i.indrelid = ANY($1::oid[]) AND i.indisprimary
AND k.place <= i.indnkeyatts
AND a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place
"""
SELECT_REFERENCES = """
SELECT DISTINCT f.conrelid, c.relname::text FROM pg_constraint f
JOIN pg_class c ON c.oid = f.confrelid WHERE f.conrelid = ANY($1::oid[]) AND f.contype = 'f'
"""
# Those of identity columns and those that a default takes its numbers from.
SELECT_SEQUENCES = """
SELECT DISTINCT a.attrelid, s.oid::regclass::text, a.attname::text FROM pg_attribute a
LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
JOIN pg_depend d ON (d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid
    AND d.refclassid = 'pg_class'::regclass) OR (d.classid = 'pg_class'::regclass
    AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('i', 'a'))
JOIN pg_class s ON s.relkind = 'S'
    AND s.oid = CASE WHEN d.classid = 'pg_attrdef'::regclass THEN d.refobjid ELSE d.objid END
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0
"""


class _Catalogue(NamedTuple):
    """Tables by name; types of columns by `table.column`; by table, its sequences, each with the
    column that takes numbers from it."""

    shapes: Mapping[str, TableShape]
    types: Mapping[str, str]
    sequences: Mapping[str, Sequence[tuple[str, str]]]


async def _catalogue(connection: Any) -> _Catalogue:
    """All tables of the schema that the connection works in. Raises `StorageError`."""
    with translated():
        found = [row for row in await connection.fetch(SELECT_TABLES) if row[1] not in BOOKKEEPING]
        tables = {row[0]: row[1] for row in found}
        columns, keys, references, sequences = [
            _grouped(tables, await connection.fetch(sql, list(tables)))
            for sql in (SELECT_COLUMNS, SELECT_KEY, SELECT_REFERENCES, SELECT_SEQUENCES)
        ]
    shapes = {
        name: TableShape(
            name=name,
            columns=tuple(Column(column, KINDS.get(kind, kind)) for column, kind in columns[name]),
            key=tuple(row[0] for row in keys[name]),
            references=frozenset(row[0] for row in references[name]),
            transient=transient,
        )
        for _, name, transient in found
    }
    types = {f"{name}.{column}": kind for name in shapes for column, kind in columns[name]}
    return _Catalogue(shapes, types, sequences)


def _grouped(tables: Mapping[int, str], rows: Sequence[Any]) -> Mapping[str, list[Any]]:
    """What follows the table in each row, by the table's name."""
    grouped: dict[str, list[Any]] = {name: [] for name in tables.values()}
    for table, *rest in rows:
        grouped[tables[table]].append(rest)
    return grouped


class PostgresTables(Tables):
    """One moment of the database, as long as the connection's transaction lasts."""

    def __init__(self, connection: Any, catalogue: _Catalogue) -> None:
        self._connection = connection
        self._types = catalogue.types
        self._sequences = catalogue.sequences
        self.shapes: Mapping[str, TableShape] = catalogue.shapes

    async def rows(self, table: str, columns: Sequence[str]) -> AsyncGenerator[Sequence[Row], None]:
        sql = f"SELECT {_listed(columns)} FROM {_quoted(table)} ORDER BY {self._order(table)}"
        with translated():
            cursor = await self._connection.cursor(sql)
        size = FIRST_BATCH
        while batch := await self._next(table, cursor, size):
            yield batch
            size = next_batch(batch)

    async def count(self, table: str) -> int:
        rows = await self._fetch(f"SELECT count(*) FROM {_quoted(table)}")
        return int(rows[0][0])

    async def find(self, table: str, columns: Sequence[str], key: Row) -> Row | None:
        where = _where(self.shapes[table].key)
        rows = await self._fetch(f"SELECT {_listed(columns)} FROM {_quoted(table)}{where}", *key)
        return tuple(rows[0]) if rows else None

    async def last(self, table: str, columns: Sequence[str]) -> Row | None:
        order = self._order(table, " DESC")
        rows = await self._fetch(
            f"SELECT {_listed(columns)} FROM {_quoted(table)} ORDER BY {order} LIMIT 1"
        )
        return tuple(rows[0]) if rows else None

    async def position(self, table: str) -> int:
        found = 0
        for sequence, _ in self._sequences[table]:
            ((last, called),) = await self._fetch(f"SELECT last_value, is_called FROM {sequence}")
            found = max(found, int(last) if called else 0)
        return found

    def _order(self, table: str, direction: str = "") -> str:
        return ", ".join(f"{self._sorted(table, name)}{direction}" for name in self._key(table))

    def _key(self, table: str) -> Sequence[str]:
        return self.shapes[table].key

    def _sorted(self, table: str, name: str) -> str:
        """By bytes, whatever the database sorts texts by."""
        is_text = KINDS.get(self._types[f"{table}.{name}"]) == TEXT
        return f'{_quoted(name)} COLLATE "C"' if is_text else _quoted(name)

    async def _fetch(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        with translated():
            rows: Sequence[Sequence[Any]] = await self._connection.fetch(sql, *values)
        return rows

    async def _next(self, table: str, cursor: Any, size: int) -> Sequence[Row]:
        try:
            with translated():
                rows: Sequence[Row] = await cursor.fetch(size)
        except ValueError as error:
            raise StorageError(f"{await self._infinite(table)} holds a time without end") from error
        return rows

    async def _infinite(self, table: str) -> str:
        """The first column with a time that is none, and that nothing else can hold."""
        for column in self.shapes[table].columns:
            if column.kind == TIME:
                where = f"NOT isfinite({_quoted(column.name)})"
                if await self._fetch(f"SELECT 1 FROM {_quoted(table)} WHERE {where} LIMIT 1"):
                    return f"{table}.{column.name}"
        return table


class PostgresWritableTables(PostgresTables, WritableTables):
    """A transaction that writes; it reads what there is by now."""

    async def put(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], *, fresh: bool
    ) -> None:
        with self._naming(table, columns, rows):
            if fresh:
                await self._connection.copy_records_to_table(table, records=rows, columns=columns)
            else:
                await self._connection.executemany(self._upsert(table, columns), rows)

    async def remove(self, table: str, keys: Sequence[Row]) -> None:
        key = self._key(table)
        with self._naming(table, key, keys):
            sql = f"DELETE FROM {_quoted(table)}{_where(key)}"
            await self._connection.executemany(sql, keys)

    async def clear(self, table: str) -> None:
        await self._fetch(f"DELETE FROM {_quoted(table)}")

    async def advance(self, table: str, position: int) -> None:
        for sequence, column in self._sequences[table]:
            used = f"SELECT max({_quoted(column)}) FROM {_quoted(table)}"
            ((last, called),) = await self._fetch(f"SELECT last_value, is_called FROM {sequence}")
            ((highest,),) = await self._fetch(used)
            reached = max(position, int(highest or 0), int(last) if called else 0)
            if reached:
                await self._fetch("SELECT setval($1::text::regclass, $2)", sequence, reached)

    def _upsert(self, table: str, columns: Sequence[str]) -> str:
        key = self._key(table)
        values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        changes = [f"{_quoted(n)} = excluded.{_quoted(n)}" for n in columns if n not in key]
        action = f"UPDATE SET {', '.join(changes)}" if changes else "NOTHING"
        return (
            f"INSERT INTO {_quoted(table)} ({_listed(columns)}) OVERRIDING SYSTEM VALUE"
            f" VALUES ({values}) ON CONFLICT ({_listed(key)}) DO {action}"
        )

    @contextmanager
    def _naming(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> Iterator[None]:
        """A value that Postgres does not take is looked for when it has refused, not before."""
        try:
            yield
        except (*FAILURES, ValueError, TypeError, OverflowError) as error:
            for index, column in enumerate(columns):
                fits = FITS.get(kind := self._types[f"{table}.{column}"])
                values = (row[index] for row in rows if row[index] is not None)
                if fits is not None and not all(map(fits, values)):
                    raise StorageError(f"{table}.{column} can't hold a value as {kind}") from error
            raise translate(error) from error


@asynccontextmanager
async def reading(dsn: str) -> AsyncIterator[PostgresTables]:
    """What `Storage.tables` promises."""
    async with _transaction(dsn, BEGIN_READING) as connection:
        yield PostgresTables(connection, await _catalogue(connection))


@asynccontextmanager
async def writing(dsn: str) -> AsyncIterator[PostgresWritableTables]:
    """What `Storage.writable_tables` promises; no other copy runs meanwhile."""
    async with _transaction(dsn, BEGIN) as connection:
        with translated():
            await connection.execute(BE_ALONE)
        yield PostgresWritableTables(connection, await _catalogue(connection))
        with translated():
            if (done := await connection.execute("COMMIT")) != "COMMIT":
                raise StorageError(f"Postgres answered {done}")


@asynccontextmanager
async def _transaction(dsn: str, begin: str) -> AsyncIterator[Any]:
    """Rolled back by closing, unless it has been committed."""
    with translated():
        connection = await asyncpg.connect(dsn, timeout=PATIENCE, statement_cache_size=0)
    try:
        with translated():
            await connection.execute(begin)
            await connection.execute(NO_LIMIT)
            for name, codec in CODECS.items():
                await connection.set_type_codec(name, schema="pg_catalog", **codec)
        yield connection
    finally:
        connection.terminate()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))


def _where(key: Sequence[str]) -> str:
    pairs = (f"{_quoted(name)} = ${number}" for number, name in enumerate(key, 1))
    return " WHERE " + " AND ".join(pairs)
