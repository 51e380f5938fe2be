"""The settings file: TOML to a table of raw values with their lines."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from agentbox.config.raw.lines import nearest, scan
from agentbox.config.raw.tree import Leaf, Origin, Table

_LARGEST = 64 * 1024


class FileSettings(Struct):
    """What a settings file holds, and what is wrong with the file as such."""

    root: Table
    authenticators: list[Table]
    faults: list[str]


def read_settings_file(path: Path) -> FileSettings:
    """Parse the file; a file that can't be read or parsed gives a fault and no settings."""
    result, text = FileSettings(Table(), [], []), ""
    try:
        text, exposed = _read(path)
        _Reader(path, scan(text), exposed, result).read(tomllib.loads(text))
    except OSError as error:
        reason = error.strerror or "it is not a file of at most 64 KiB"
        return _useless(f"{path}: the settings file can't be read: {reason}.")
    except UnicodeDecodeError:
        return _useless(f"{path}: the settings file is not UTF-8 text.")
    except tomllib.TOMLDecodeError as error:
        return _useless(_syntax(path, str(error), text))
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        return _useless(f"{path}: this is not TOML that settings are written in.")
    return result


def _useless(fault: str) -> FileSettings:
    return FileSettings(Table(), [], [fault])


def _read(path: Path) -> tuple[str, bool]:
    """The text, and whether others may read it. A device or a pipe would never end."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
        raise OSError
    return path.read_bytes().decode("utf-8"), bool(status.st_mode & stat.S_IROTH)


def _syntax(path: Path, message: str, text: str) -> str:
    last = f" (at line {len(text.rstrip().splitlines())})"
    message = message.replace(" (at end of document)", last)
    what, _, where = message.partition(" (at line ")
    line, _, column = where.rstrip(")").partition(", column ")
    place = f"{path}:{line}" if line.isdigit() else str(path)
    hint = f" at column {column}" if column else ""
    return f"{place}: this is not TOML: {what[:1].lower()}{what[1:]}{hint}."


class _Reader:
    """Turns parsed TOML into tables, keeping the line of each value."""

    def __init__(
        self, path: Path, lines: Mapping[tuple[str, ...], int], exposed: bool, result: FileSettings
    ) -> None:
        self._path = path
        self._lines = lines
        self._exposed = exposed
        self._result = result

    def read(self, parsed: Mapping[str, object]) -> None:
        blocks = parsed.get("authenticators", [])
        rest = {name: value for name, value in parsed.items() if name != "authenticators"}
        self._result.root = self._table(rest, ())
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            origin = self._origin(("authenticators",))
            self._result.faults.append(
                f"{origin.label} (authenticators): write each one as a block [[authenticators]] "
                "with id and type."
            )
            return
        for index, block in enumerate(blocks):
            self._result.authenticators.append(self._table(block, ("authenticators", str(index))))

    def _table(self, values: Mapping[str, object], path: tuple[str, ...]) -> Table:
        table = Table(self._origin(path))
        for name, value in values.items():
            here = (*path, name)
            table.children[name] = (
                self._table(value, here)
                if isinstance(value, dict)
                else Leaf(value, self._origin(here))
            )
        return table

    def _origin(self, path: tuple[str, ...]) -> Origin:
        line = nearest(self._lines, path)
        label = f"{self._path}:{line}" if line else str(self._path)
        return Origin("file", label, str(self._path), self._exposed)
