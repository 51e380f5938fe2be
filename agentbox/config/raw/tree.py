"""Raw settings by name, each with where it came from, before anything is typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from msgspec import Struct, field

_KEY: Final = re.compile(r"[\w-]+")


class Origin(Struct, frozen=True):
    """Where a value came from.

    `label` is what a fault begins with: `agentbox.toml:12`, `AGENTBOX_PORT` or `--port`.
    `file` is the file that the text was read from, and `exposed` says that anybody on the machine
    may read it.
    """

    kind: Literal["file", "environment", "command line"]
    label: str
    file: str | None = None
    exposed: bool = False


class FileText(Struct, frozen=True):
    """What a `_FILE` variable led to: a text, or a fault."""

    text: str
    fault: str | None = None
    exposed: bool = False


class Leaf(Struct, frozen=True):
    """One raw value. `content` is there if the variable ends in `_FILE` and may mean a file."""

    raw: object
    origin: Origin
    content: FileText | None = None


class Table(Struct):
    """Settings by name. `origin` is where the table was first named."""

    origin: Origin | None = None
    children: dict[str, Leaf | Table] = field(default_factory=dict)

    def table(self, *path: str) -> Table:
        """The table at `path`, an empty one if there is none."""
        here = self
        for name in path:
            child = here.children.get(name)
            if not isinstance(child, Table):
                return Table()
            here = child
        return here

    def find(self, path: Sequence[str]) -> Leaf | Table | None:
        """What stands at `path`."""
        if not path:
            return self
        return self.table(*path[:-1]).children.get(path[-1])

    def put(self, path: Sequence[str], leaf: Leaf) -> None:
        """Set the value at `path`; it replaces whatever stands in its way."""
        here = self
        for name in path[:-1]:
            child = here.children.get(name)
            if not isinstance(child, Table):
                child = here.children[name] = Table(leaf.origin)
            here = child
        here.children[path[-1]] = leaf

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Leaf]]:
        """Every value below, with its path."""
        for name, child in self.children.items():
            if isinstance(child, Leaf):
                yield (*path, name), child
            else:
                yield from child.leaves((*path, name))

    def plain(self) -> dict[str, object]:
        """The raw values as nested dictionaries."""
        return {
            name: child.raw if isinstance(child, Leaf) else child.plain()
            for name, child in self.children.items()
        }

    def overlay(self, above: Table) -> Table:
        """A new table: this one, with what `above` sets in place of its own."""
        result = Table(self.origin or above.origin, dict(self.children))
        for name, child in above.children.items():
            below = result.children.get(name)
            if isinstance(child, Table) and isinstance(below, Table):
                child = below.overlay(child)  # noqa: PLW2901
            result.children[name] = child
        return result


def at(origin: Origin | None, setting: str) -> str:
    """How a fault begins: the place and the dotted setting."""
    return f"{origin.label} ({setting})" if origin else setting


def fault_of(where: str, sentence: str) -> str:
    """A fault: where, and what is wrong there as a sentence."""
    return f"{where}: {sentence}" + ("" if sentence.endswith((".", "?")) else ".")


def text_of(table: Table, name: str) -> str | None:
    """The text of that name in the table, None if there is none or it is no text."""
    node = table.children.get(name)
    return node.raw if isinstance(node, Leaf) and isinstance(node.raw, str) else None


def origin_of(table: Table, name: str) -> Origin | None:
    """Where a setting of the table was set; a variable may have named a file for it."""
    node = table.children.get(name) or table.children.get(f"{name}_file")
    return node.origin if node else None


def place_of(table: Table, sentence: str) -> tuple[tuple[str, ...], Origin | None]:
    """The setting that a sentence begins with, such as `providers.corp.issuer`, as its path below
    the table, and where it was set; one that nothing sets is at the place of the table it would
    stand in, or at none if that is `table` itself."""
    path: tuple[str, ...] = ()
    origin: Origin | None = None
    here, rest = table, sentence
    while key := _set_key(here, rest) or _first_key(rest):
        path = (*path, key)
        origin = origin_of(here, key) or origin
        child, rest = here.children.get(key), rest.removeprefix(key)
        if not isinstance(child, Table) or not rest.startswith("."):
            break
        here, rest = child, rest[1:]
    return path, origin


def _set_key(table: Table, text: str) -> str | None:
    """The key of the table that the text begins with; it may hold points and blanks."""
    keys = {*table.children, *(name.removesuffix("_file") for name in table.children)}
    found = [key for key in keys if key and text.startswith(key) and not _KEY.match(text, len(key))]
    return max(found, key=len, default=None)


def _first_key(text: str) -> str | None:
    match = _KEY.match(text)
    return match[0] if match else None
