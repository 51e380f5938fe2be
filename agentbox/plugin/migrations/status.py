"""What is applied of the migrations of this program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from agentbox.errors import SchemaError
from agentbox.plugin.migrations.additive import is_additive
from agentbox.plugin.migrations.folders import Migration


class Applied(Struct, frozen=True):
    """A migration as the database remembers it. They come in the order they were applied in."""

    id: str
    plugin: str
    sha256: str


class SchemaStatus(Struct, frozen=True, kw_only=True):
    """Ids of migrations: applied; pending here; ahead of this program; applied and edited since
    (drift); pending although a later one of the same folder is applied (out of order); applied by
    a plugin that is not enabled now (orphaned, which does no harm); applied by a newer version and
    additive (newer, which does none either). `history` is all that the database remembers, in the
    order it was applied in; so are the others that are applied."""

    history: Sequence[str]
    applied: Sequence[str]
    pending: Sequence[str]
    ahead: Sequence[str]
    drifted: Sequence[str]
    out_of_order: Sequence[str]
    orphaned: Sequence[str] = ()
    newer: Sequence[str] = ()

    @property
    def current(self) -> bool:
        """True if the database is at this program's schema, or a newer one has only added to it."""
        return not (self.pending or self.ahead or self.drifted or self.out_of_order)

    def rollback(self, down_to: str) -> Sequence[str]:
        """What was applied after `down_to`, the last first; `""` is before the first.

        Raises `SchemaError` if `down_to` is not applied, or if a migration that would go has no
        files here.
        """
        if down_to and down_to not in self.history:
            raise SchemaError(f"No migration {down_to!r} is applied.")
        first = self.history.index(down_to) + 1 if down_to else 0
        later = self.history[first:]
        if newer := [id_ for id_ in later if id_ in self.newer]:
            raise SchemaError(
                f"These were applied later, by a newer version: {', '.join(newer)}. Let that one "
                "roll them back first."
            )
        if missing := [id_ for id_ in later if id_ not in self.applied]:
            raise SchemaError(
                f"These were applied later, and their plugins are not enabled: "
                f"{', '.join(missing)}. Enable them, so that theirs can be rolled back too, or go "
                f"back no further than to {missing[-1]}."
            )
        return tuple(reversed(later))


def schema_status(here: Sequence[Migration], applied: Sequence[Applied]) -> SchemaStatus:
    """Compare the files of this program with what the database remembers."""
    known = {migration.id: migration for migration in here}
    there = {row.id: row for row in applied}
    plugins = {migration.plugin for migration in here}
    unknown = [row for row in applied if row.id not in known]
    ahead = [row.id for row in unknown if row.plugin in plugins]
    return SchemaStatus(
        history=tuple(there),
        applied=tuple(id_ for id_ in there if id_ in known),
        pending=tuple(m.id for m in here if m.id not in there),
        ahead=tuple(id_ for id_ in ahead if not is_additive(id_)),
        drifted=tuple(id_ for id_ in there if id_ in known and _edited(known[id_], there[id_])),
        out_of_order=tuple(_out_of_order(here, there)),
        orphaned=tuple(row.id for row in unknown if row.plugin not in plugins),
        newer=tuple(filter(is_additive, ahead)),
    )


def _edited(here: Migration, there: Applied) -> bool:
    return here.sha256 != there.sha256


def _out_of_order(here: Sequence[Migration], there: Mapping[str, Applied]) -> Iterator[str]:
    for index, migration in enumerate(here):
        if migration.id not in there and any(
            later.id in there and later.path.parent == migration.path.parent
            for later in here[index + 1 :]
        ):
            yield migration.id


def require_known(status: SchemaStatus) -> None:
    """Raises `SchemaError` if the database holds what this program does not know."""
    if status.ahead:
        raise SchemaError(
            f"The database is ahead of this program: {', '.join(status.ahead)}. Start the newer "
            "version, or let that one run `agentbox migrate down` first."
        )
    if status.drifted:
        raise SchemaError(
            f"Applied migrations have been edited since: {', '.join(status.drifted)}. Put the "
            "original files back; a change of the schema is a new migration."
        )
    if status.out_of_order:
        raise SchemaError(
            f"These would be applied after later ones: {', '.join(status.out_of_order)}. "
            "Install the version that first brought them, or roll the later ones back."
        )
