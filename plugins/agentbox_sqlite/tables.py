"""The tables of a SQLite file, to be copied from and to."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from agentbox.errors import StorageError
from agentbox.plugin.migrations import BOOKKEEPING
from agentbox.plugin.storage.tables import (
    BYTES,
    FIRST_BATCH,
    INTEGER,
    REAL,
    TEXT,
    Column,
    Row,
    Tables,
    TableShape,
    WritableTables,
    next_batch,
)
from agentbox_sqlite.connection import require_version, translated, uri
from agentbox_sqlite.files import FileLock, require_folder
from agentbox_sqlite.schema import PATIENCE

T = TypeVar("T")

CACHE = -32 * 1024
"""KiB of pages that a connection which writes everything anew keeps in memory."""

SELECT_TABLES = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' ORDER BY name"
SELECT_COLUMNS = "SELECT name, type, pk FROM pragma_table_xinfo($1) WHERE hidden = 0 ORDER BY cid"
SELECT_REFERENCES = 'SELECT DISTINCT "table" FROM pragma_foreign_key_list($1)'
SELECT_POSITION = "SELECT seq FROM sqlite_sequence WHERE name = $1"
HAS_POSITIONS = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
GIVES_NUMBERS = "SELECT 1 FROM sqlite_master WHERE name = $1 AND sql LIKE '%AUTOINCREMENT%'"
ADVANCE = "UPDATE sqlite_sequence SET seq = max(seq, $2) WHERE name = $1"
BEGIN_POSITION = (
    "INSERT INTO sqlite_sequence (name, seq) SELECT $1, $2"
    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $1)"
)


class SqliteTables(Tables):
    """One moment of the file, as long as the connection's transaction lasts."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Synchronous, and in the thread that calls it; raises `StorageError`."""
        self._connection = connection
        with translated():
            self.shapes: Mapping[str, TableShape] = _shapes(connection)

    async def rows(self, table: str, columns: Sequence[str]) -> AsyncGenerator[Sequence[Row], None]:
        order = ", ".join(map(_quoted, self.shapes[table].key))
        sql = f"SELECT {_listed(columns)} FROM {_quoted(table)} ORDER BY {order}"
        cursor = await _in_thread(lambda: self._connection.execute(sql))
        size = FIRST_BATCH
        try:
            while batch := await _in_thread(partial(cursor.fetchmany, size)):
                yield batch
                size = next_batch(batch)
        finally:
            cursor.close()

    async def count(self, table: str) -> int:
        rows = await self._fetch(f"SELECT count(*) FROM {_quoted(table)}")
        return int(rows[0][0])

    async def find(self, table: str, columns: Sequence[str], key: Row) -> Row | None:
        where = _where(self.shapes[table].key)
        rows = await self._fetch(f"SELECT {_listed(columns)} FROM {_quoted(table)}{where}", *key)
        return rows[0] if rows else None

    async def last(self, table: str, columns: Sequence[str]) -> Row | None:
        order = ", ".join(f"{_quoted(name)} DESC" for name in self.shapes[table].key)
        rows = await self._fetch(
            f"SELECT {_listed(columns)} FROM {_quoted(table)} ORDER BY {order} LIMIT 1"
        )
        return rows[0] if rows else None

    async def position(self, table: str) -> int:
        if not await self._fetch(HAS_POSITIONS):
            return 0
        rows = await self._fetch(SELECT_POSITION, table)
        return int(rows[0][0]) if rows else 0

    async def _fetch(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return await _in_thread(lambda: self._connection.execute(sql, _named(values)).fetchall())


class SqliteWritableTables(SqliteTables, WritableTables):
    """A transaction that writes; it reads what was there before."""

    def __init__(self, reader: sqlite3.Connection, writer: sqlite3.Connection) -> None:
        super().__init__(reader)
        self._writer = writer

    async def put(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], *, fresh: bool
    ) -> None:
        key = self.shapes[table].key
        values = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {_quoted(table)} ({_listed(columns)}) VALUES ({values})"
        others = [name for name in columns if name not in key]
        if not fresh and others:
            changes = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in others)
            sql += f" ON CONFLICT ({_listed(key)}) DO UPDATE SET {changes}"
        elif not fresh:
            sql += f" ON CONFLICT ({_listed(key)}) DO NOTHING"
        await _in_thread(lambda: self._writer.executemany(sql, rows).close())

    async def remove(self, table: str, keys: Sequence[Row]) -> None:
        where = " AND ".join(f"{_quoted(name)} = ?" for name in self.shapes[table].key)
        sql = f"DELETE FROM {_quoted(table)} WHERE {where}"
        await _in_thread(lambda: self._writer.executemany(sql, keys).close())

    async def clear(self, table: str) -> None:
        await _in_thread(lambda: self._writer.execute(f"DELETE FROM {_quoted(table)}").close())

    async def advance(self, table: str, position: int) -> None:
        if position and await self._fetch(GIVES_NUMBERS, table):
            values = _named((table, position))
            await _in_thread(lambda: self._writer.execute(BEGIN_POSITION, values).close())
            await _in_thread(lambda: self._writer.execute(ADVANCE, values).close())


@asynccontextmanager
async def reading(path: Path) -> AsyncIterator[SqliteTables]:
    """What `Storage.tables` promises."""
    with closing(await asyncio.to_thread(_reader, path)) as connection:
        yield await asyncio.to_thread(SqliteTables, connection)


@asynccontextmanager
async def writing(path: Path) -> AsyncIterator[SqliteWritableTables]:
    """What `Storage.writable_tables` promises; no other command works meanwhile."""
    with ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, FileLock(path).held(PATIENCE))
        # Closed last, under the lock: that writes back what is in the WAL.
        writer = stack.enter_context(closing(await asyncio.to_thread(_writer, path)))
        reader = stack.enter_context(closing(await asyncio.to_thread(_reader, path)))
        tables = await asyncio.to_thread(SqliteWritableTables, reader, writer)
        try:
            yield tables
        except BaseException:
            writer.rollback()
            raise
        await _in_thread(writer.commit)
        reader.close()
        await _in_thread(lambda: writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").close())


def _reader(path: Path) -> sqlite3.Connection:
    """A connection in a transaction that sees one moment, and can't write."""
    return _connected(
        path, "ro", ("PRAGMA query_only = ON", "BEGIN", "SELECT 1 FROM sqlite_master")
    )


def _writer(path: Path) -> sqlite3.Connection:
    pragmas = (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        f"PRAGMA cache_size = {CACHE}",
        "BEGIN IMMEDIATE",
    )
    return _connected(path, "rw", pragmas)


def _connected(path: Path, mode: str, pragmas: Sequence[str]) -> sqlite3.Connection:
    require_version()
    require_folder(path)
    if not path.exists():
        raise StorageError(f"There is no database {path}.")
    with translated():
        # Used by one thread at a time, though not by the same one.
        connection = sqlite3.connect(
            uri(path, mode),
            uri=True,
            isolation_level=None,
            timeout=PATIENCE,
            check_same_thread=False,
        )
        try:
            for pragma in ("PRAGMA wal_autocheckpoint = 0", *pragmas):
                connection.execute(pragma).fetchall()
        except BaseException:
            connection.close()
            raise
    return connection


def _shapes(connection: sqlite3.Connection) -> Mapping[str, TableShape]:
    shapes = {}
    for name, kind in connection.execute(SELECT_TABLES).fetchall():
        if name in BOOKKEEPING or name.startswith("sqlite_") or kind == "view":
            continue
        if kind != "table":
            raise StorageError(f"The table {name} is of the kind {kind}, which can't be copied.")
        columns = connection.execute(SELECT_COLUMNS, _named((name,))).fetchall()
        key = sorted((place, column) for column, _, place in columns if place)
        references = connection.execute(SELECT_REFERENCES, _named((name,))).fetchall()
        shapes[name] = TableShape(
            name=name,
            columns=tuple(Column(column, _kind(declared)) for column, declared, _ in columns),
            key=tuple(column for _, column in key),
            references=frozenset(row[0] for row in references),
        )
    return shapes


def _kind(declared: str) -> str:
    """By the rules that SQLite takes for what a column likes best (datatype3.html, 3.1)."""
    word = declared.upper()
    for parts, kind in (
        (("INT", "BOOL"), INTEGER),
        (("CHAR", "CLOB", "TEXT"), TEXT),
        (("BLOB",), BYTES),
        (("REAL", "FLOA", "DOUB"), REAL),
    ):
        if any(part in word for part in parts):
            return kind
    return word.lower() or "any"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))


def _where(key: Sequence[str]) -> str:
    pairs = (f"{_quoted(name)} = ${number}" for number, name in enumerate(key, 1))
    return " WHERE " + " AND ".join(pairs)


def _named(values: Sequence[Any]) -> dict[str, Any]:
    return {str(number): value for number, value in enumerate(values, 1)}


async def _in_thread(work: Callable[[], T]) -> T:
    """Also if this is cancelled, nobody uses the connection any more when it returns."""

    def run() -> T:
        with translated():
            return work()

    running = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
