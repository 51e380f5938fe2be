"""What goes where: the tables of two databases side by side, in an order that references allow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from msgspec import Struct

from agentbox.errors import StorageError
from agentbox.plugin.storage.tables import JSONB, WIDER, Row, TableShape

LEASES = {("jobs", "lease_until")}
"""What is about the processes on one database, and is left behind: nobody there holds the job."""


class Pair(Struct, frozen=True, kw_only=True):
    """One table in both databases. The columns of the key come first, the others by name."""

    name: str
    columns: tuple[str, ...]
    width: int
    """How many columns the key has."""

    left_behind: tuple[int, ...] = ()
    """Columns whose value in the source is replaced by None."""

    canonical: tuple[int, ...] = ()
    """Columns of JSON of which one side keeps the meaning alone."""

    def taken(self, rows: Sequence[Row]) -> Sequence[tuple[Any, ...]]:
        """Rows of the source, as they are to be in the target."""
        return self._changed(rows, self.left_behind) if self.left_behind else self.compared(rows)

    def compared(self, rows: Sequence[Row]) -> Sequence[tuple[Any, ...]]:
        """Rows of the target, as they are compared with those of the source."""
        return self._changed(rows, ()) if self.canonical else [tuple(row) for row in rows]

    def _changed(self, rows: Sequence[Row], cleared: Sequence[int]) -> list[tuple[Any, ...]]:
        changes: dict[int, Callable[[Any], Any]] = dict.fromkeys(self.canonical, _meaning)
        changes |= dict.fromkeys(cleared, _nothing)
        changed = []
        for row in rows:
            values = list(row)
            for index, change in changes.items():
                values[index] = change(values[index])
            changed.append(tuple(values))
        return changed


def plan(source: Mapping[str, TableShape], target: Mapping[str, TableShape]) -> Sequence[Pair]:
    """All tables but transient ones, each after those that it refers to.

    Raises `StorageError` with everything that is in one database alone or does not go together.
    """
    transient = {s.name for s in (*source.values(), *target.values()) if s.transient}
    left = {name: shape for name, shape in source.items() if name not in transient}
    right = {name: shape for name, shape in target.items() if name not in transient}
    faults = [f"Only the source has a table {name}." for name in left if name not in right]
    faults += [f"Only the target has a table {name}." for name in right if name not in left]
    both = {name: (left[name], right[name]) for name in sorted(left) if name in right}
    faults += [fault for shapes in both.values() for fault in _faults(*shapes)]
    order = _order(both, faults)
    if faults:
        raise StorageError("\n".join(faults))
    return [_pair(*both[name]) for name in order if name in both]


def _faults(source: TableShape, target: TableShape) -> Iterator[str]:
    name = source.name
    if not (source.key and target.key):
        yield f"The table {name} has no primary key, so its rows can't be told apart."
    elif source.key != target.key:
        keys = f"{', '.join(source.key)} in the source, {', '.join(target.key)} in the target"
        yield f"The primary key of {name} is {keys}."
    kinds = {column.name: column.kind for column in source.columns}
    others = {column.name: column.kind for column in target.columns}
    for column in sorted(kinds.keys() ^ others.keys()):
        place = "source" if column in kinds else "target"
        yield f"Only the {place} has a column {name}.{column}."
    for column in sorted(kinds.keys() & others.keys()):
        one, other = kinds[column], others[column]
        if WIDER.get(one, one) != WIDER.get(other, other):
            yield f"{name}.{column} is {one} in the source and {other} in the target."


def _order(both: Mapping[str, tuple[TableShape, TableShape]], faults: list[str]) -> list[str]:
    graph = {name: one.references | other.references for name, (one, other) in both.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        names = ", ".join(dict.fromkeys(error.args[1]))
        faults.append(f"Rows of {names} refer to each other in a circle; they can't be copied.")
        return []


def _pair(source: TableShape, target: TableShape) -> Pair:
    kinds = {column.name: column.kind for column in source.columns}
    others = {column.name: column.kind for column in target.columns}
    columns = (*source.key, *sorted(kinds.keys() - set(source.key)))
    places = list(enumerate(columns))
    return Pair(
        name=source.name,
        columns=columns,
        width=len(source.key),
        left_behind=tuple(i for i, name in places if (source.name, name) in LEASES),
        canonical=tuple(i for i, name in places if JSONB in {kinds[name], others[name]}),
    )


def _meaning(text: Any) -> Any:
    if text is None:
        return None
    try:
        value = json.loads(text)
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return text  # the database that wants JSON says so


def _nothing(value: Any) -> None:
    """What is left behind."""
