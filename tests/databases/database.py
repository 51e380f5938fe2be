"""What a test does with a database, whichever backend it is of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from agentbox.plugin import Storage

Rows = list[tuple[Any, ...]]


class Database(ABC):
    """One database. Statements take `?` for a value, on either backend."""

    name: ClassVar[str]
    words: ClassVar[Mapping[str, str]]
    """What is not said in the same way on both: `zeros` (36 bytes), `instant` (a microsecond to add
    to a time), `beyond` (a time that is none)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    @abstractmethod
    def address(self) -> str:
        """What `storage_at` takes, in another process."""

    @property
    @abstractmethod
    def environ(self) -> dict[str, str]:
        """The settings that lead a server there."""

    @property
    def from_its_folder(self) -> dict[str, str]:
        """The same for one that runs in the folder."""
        return self.environ

    @property
    @abstractmethod
    def initial_password(self) -> Path:
        """Where a server that runs in the folder puts the password of the first start."""

    @abstractmethod
    def make(self) -> None:
        """Make it with all tables, and empty; nothing if it is there."""

    @abstractmethod
    def claim(self, *, migrated: bool = False) -> None:
        """What has to be there before a server can start, and nothing if it is there: on Postgres a
        database, `migrated` with all tables to save the time. On SQLite nothing is."""

    @abstractmethod
    def copy_to(self, folder: Path) -> None:
        """With all files of its folder, as if the server had run there. It must be closed."""

    @abstractmethod
    def storage(self) -> Storage:
        """A storage that leads there, not open."""

    @abstractmethod
    def reader(self) -> Any:
        """A context manager that gives a `Reader`."""

    @abstractmethod
    def run(self, statement: str, *values: Any) -> Rows:
        """A statement past the server, as another process would; rows if it has any."""

    @abstractmethod
    def refuse_inserts(self, table: str) -> None:
        """Have every insert into a table fail."""

    @abstractmethod
    def take_inserts(self, table: str) -> None:
        """Undo it."""

    @abstractmethod
    def content(self) -> bytes:
        """All bytes that it has on disk, a write-ahead log of its own included."""

    def rows(self) -> dict[str, Rows]:
        """All rows of all tables."""
        with self.reader() as reader:
            return {name: reader.rows(f"SELECT * FROM {name}") for name in reader.tables()}


class Reader(ABC):
    """A connection that stays open and only reads, each time anew."""

    @abstractmethod
    def rows(self, sql: str) -> Rows:
        """The rows of a statement without values."""

    @abstractmethod
    def tables(self) -> list[str]:
        """Names of all tables, the backend's own not among them."""

    @abstractmethod
    def columns(self, table: str) -> list[str]:
        """Names of its columns, in order."""

    @abstractmethod
    def whole(self, tables: Mapping[str, Sequence[str]]) -> str:
        """All that stands in these columns of these tables, as a text to compare."""
