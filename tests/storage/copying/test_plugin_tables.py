"""Tables that plugins bring are copied too, with whatever their columns hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentbox.errors import StorageError
from tests.postgres import Postgres
from tests.storage.copying.places import Place, PostgresPlace, SqlitePlace, copied, plugin_folder

ON_SQLITE = (
    "CREATE TABLE note_books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT)",
    'CREATE TABLE notes (book INTEGER REFERENCES note_books (id), "order by" TEXT,'
    " pinned INTEGER, written INTEGER, facts TEXT, meaning TEXT, picture BLOB, weight REAL,"
    ' small INTEGER, PRIMARY KEY (book, "order by"))',
)
ON_POSTGRES = (
    "CREATE TABLE note_books (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text)",
    'CREATE TABLE notes (book bigint REFERENCES note_books (id), "order by" text,'
    " pinned boolean, written timestamptz, facts json, meaning jsonb, picture bytea,"
    ' weight double precision, small smallint, PRIMARY KEY (book, "order by"))',
    "CREATE UNLOGGED TABLE note_counts (id text PRIMARY KEY)",
)
COLUMNS = 'book, "order by", pinned, written, facts, meaning, picture, weight, small'
INSERT = f"INSERT INTO notes ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
SELECT = f'SELECT {COLUMNS} FROM notes ORDER BY book, "order by"'

ROWS: list[tuple[Any, ...]] = [
    (1, "", None, None, None, None, None, None, None),
    (1, "z", 0, 0, '{"b": 1,  "a": 2}', '{"b": 1,  "a": [2, null]}', b"", 0.0, -(2**15)),
    (1, "Z", 1, -62135596799999999, "[]", "[]", b"\0\xff", -1.5e300, 2**15 - 1),
    (2, "ä", 1, 253402300799999999, '"\\u0041"', '"\\u0041"', b"'\\", 0.1, 7),
    (2, "\U0001d51e", 0, 1, "1.50", "1.5", b"x" * 70_000, 2.0**-1074, 0),
]
"""Texts whose order is another one in every language."""


@pytest.fixture
def places(
    postgres: Postgres, migrated: str, tmp_path: Path
) -> Iterator[tuple[SqlitePlace, PostgresPlace]]:
    """Both kinds, with the plugin's tables and no rows."""
    name = postgres.create(template=migrated)
    sqlite = SqlitePlace(tmp_path / "a.db", plugin_folder(tmp_path, "sqlite", *ON_SQLITE))
    folder = plugin_folder(tmp_path, "postgres", *ON_POSTGRES)
    yield sqlite, PostgresPlace(postgres.dsn(name), folder)
    postgres.drop(name)


def fill(place: Place, *rows: tuple[Any, ...]) -> None:
    for number in (1, 2):
        place.run("INSERT INTO note_books (title) VALUES (?)", f"book {number}")
    for row in rows:
        place.run(INSERT, *row)


async def test_they_come_back_as_they_were(
    places: tuple[SqlitePlace, PostgresPlace], tmp_path: Path
) -> None:
    sqlite, postgres = places
    fill(sqlite, *ROWS)

    there = await copied(sqlite, postgres)

    (tmp_path / "back").mkdir()
    folder = plugin_folder(tmp_path / "back", "sqlite", *ON_SQLITE)
    back = SqlitePlace(tmp_path / "back.db", folder)
    again = await copied(postgres, back)
    assert [table.source for table in again.tables] == [table.target for table in there.tables]
    meaning = COLUMNS.split(", ").index("meaning")
    for before, after in zip(sqlite.run(SELECT), back.run(SELECT), strict=True):
        assert (*before[:meaning], *before[meaning + 1 :]) == (
            *after[:meaning],
            *after[meaning + 1 :],
        )
    assert {table.name for table in there.tables} >= {"notes", "note_books"}
    assert "note_counts" not in {table.name for table in there.tables}


async def test_the_next_number_is_one_that_was_never_given(
    places: tuple[SqlitePlace, PostgresPlace],
) -> None:
    sqlite, postgres = places
    fill(sqlite)
    sqlite.run("DELETE FROM note_books WHERE id = 2")

    await copied(sqlite, postgres)

    assert postgres.run("INSERT INTO note_books (title) VALUES ('next') RETURNING id") == [(3,)]


async def test_a_key_that_is_nothing_in_part_is_refused(
    places: tuple[SqlitePlace, PostgresPlace], tmp_path: Path
) -> None:
    sqlite, postgres = places
    sqlite.run("INSERT INTO markers VALUES ('root_secret', 'sealed')")
    fill(sqlite, *ROWS)
    await copied(sqlite, postgres)
    sqlite.run(INSERT, 1, None, *ROWS[0][2:])

    with pytest.raises(StorageError, match=r"keys of notes can't be put in order"):
        await copied(sqlite, postgres)


async def test_rows_that_only_one_of_them_takes_side_by_side_are_refused(
    places: tuple[SqlitePlace, PostgresPlace],
) -> None:
    sqlite, postgres = places
    fill(sqlite)
    sqlite.run("UPDATE note_books SET title = 'the same'")
    postgres.run("CREATE UNIQUE INDEX titles ON note_books (title)")

    with pytest.raises(StorageError, match="Rows of note_books can't stand side by side"):
        await copied(sqlite, postgres)


async def test_numbers_may_be_given_by_one_of_the_two_alone(
    places: tuple[SqlitePlace, PostgresPlace], tmp_path: Path
) -> None:
    _, postgres = places
    fill(postgres)
    (tmp_path / "plain").mkdir()
    statements = [statement.replace("AUTOINCREMENT", "") for statement in ON_SQLITE]
    folder = plugin_folder(tmp_path / "plain", "sqlite", *statements)
    sqlite = SqlitePlace(tmp_path / "plain.db", folder)

    await copied(postgres, sqlite)

    assert sqlite.run("SELECT seq FROM sqlite_sequence WHERE name = 'note_books'") == []
    await copied(sqlite, postgres, force=True)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("pinned", 2),
        ("pinned", "yes"),
        ("written", -(2**63)),
        ("written", -(2**60)),
        ("written", "yesterday"),
        ("facts", "{"),
        ("meaning", "no json"),
        ("small", 2**15),
        ("order by", "nul \0 nul"),
        ("picture", "a text"),
        ("weight", "a text"),
    ],
)
async def test_a_value_that_does_not_fit_is_refused_by_table_and_column(
    places: tuple[SqlitePlace, PostgresPlace], column: str, value: object
) -> None:
    sqlite, postgres = places
    fill(sqlite, *ROWS)
    sqlite.run(f'UPDATE notes SET "{column}" = ? WHERE "order by" = ?', value, "Z")

    with pytest.raises(StorageError, match=f"notes.{column} can't hold"):
        await copied(sqlite, postgres)
    assert postgres.run("SELECT count(*) FROM note_books") == [(0,)]
    sqlite.run(f'UPDATE notes SET "{column}" = NULL WHERE "order by" IN (?, ?)', "Z", value)
    sqlite.run('DELETE FROM notes WHERE "order by" IS NULL')
    await copied(sqlite, postgres)
    sqlite.run(f'UPDATE notes SET "{column}" = ? WHERE "order by" = ?', value, "z")
    with pytest.raises(StorageError, match=f"notes.{column} can't hold"):
        await copied(sqlite, postgres, force=True)


@pytest.mark.parametrize("bound", ["infinity", "-infinity"])
async def test_a_time_without_end_is_refused_by_table_and_column(
    places: tuple[SqlitePlace, PostgresPlace], bound: str
) -> None:
    sqlite, postgres = places
    fill(postgres, (1, "a", None, bound, None, None, None, None, None))

    with pytest.raises(StorageError, match=r"notes\.written holds a time without end"):
        await copied(postgres, sqlite)


async def test_a_table_that_only_one_of_them_has_is_named(
    places: tuple[SqlitePlace, PostgresPlace], tmp_path: Path
) -> None:
    sqlite, _ = places
    plain = SqlitePlace(tmp_path / "plain.db")

    with pytest.raises(StorageError, match="Only the source has a table note_books"):
        await copied(sqlite, plain)
    with pytest.raises(StorageError, match="Only the target has a table note_books"):
        await copied(plain, sqlite)
