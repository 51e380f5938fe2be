"""The settings that hold, each with where it came from, and no secret among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from agentbox.config.raw.tree import Origin, Table, origin_of, text_of
from agentbox.config.schema import SECTIONS, Settings
from agentbox.config.sources import Sources
from agentbox.config.wording import redacted
from agentbox.model.secret import Secret
from agentbox.model.times import format_duration

DEFAULT = "default"


class Row(Struct, frozen=True):
    """One setting: its dotted name, its value as it may be shown, where it came from."""

    setting: str
    value: str
    origin: str


def effective(settings: Settings, sources: Sources) -> tuple[Row, ...]:
    """Every setting, the sections first, then plugins and the chain."""
    rows: list[Row] = []
    for name in SECTIONS:
        rows += _rows(getattr(settings, name), sources.root.table(name), name)
    enabled = Row("plugins.enabled", ", ".join(settings.plugins), _label(sources.enabled_origin))
    rows = [_derived(row, settings) for row in rows] + [enabled]
    for plugin, options in settings.plugin_options.items():
        table = sources.root.table("plugins", plugin)
        rows += _rows(options, table, f"plugins.{plugin}")
    return (*rows, *_chain(settings, sources))


def _derived(row: Row, settings: Settings) -> Row:
    """Where unset means something else than nothing, what it means."""
    if row.value:
        return row
    meaning: dict[str, object] = {
        "server.public_url": settings.public_url,
        "server.docs": settings.docs,
        "server.drain_delay": settings.drain_delay,
    }
    return Row(row.setting, _shown(meaning.get(row.setting)), row.origin)


def _chain(settings: Settings, sources: Sources) -> Iterator[Row]:
    tables = {text_of(table, "id"): table for table in sources.authenticators}
    for block in settings.authenticators:
        table = tables.get(block.id, Table())
        dotted = f"authenticators.{block.id}"
        yield Row(f"{dotted}.type", block.type, _label(origin_of(table, "type")))
        for row in _rows(block.options, table, dotted):
            if row.origin != DEFAULT:  # what the block does not set stands under its plugin
                yield row


def _rows(value: Any, table: Table, dotted: str) -> Iterator[Row]:
    for option in fields(value):
        name = option.encode_name
        inner, setting = getattr(value, option.name), f"{dotted}.{name}"
        if isinstance(inner, Struct):
            yield from _rows(inner, table.table(name), setting)
        elif isinstance(inner, Mapping) and inner:
            yield from _entries(inner, table.table(name), setting)
        else:
            yield Row(setting, _shown(inner), _label(origin_of(table, name)))


def _entries(entries: Mapping[str, Any], table: Table, dotted: str) -> Iterator[Row]:
    for name, value in entries.items():
        if isinstance(value, Struct):
            yield from _rows(value, table.table(name), f"{dotted}.{name}")
        else:
            yield Row(f"{dotted}.{name}", _shown(value), _label(origin_of(table, name)))


def _label(origin: Origin | None) -> str:
    return origin.label if origin else DEFAULT


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case Secret():
            return "(set)"
        case bool():
            return "true" if value else "false"
        case timedelta():
            return format_duration(value)
        case Enum():
            return str(value.value)
        case str() | Path():
            return redacted(str(value))
        case list() | tuple() | set() | frozenset():
            return ", ".join(_shown(item) for item in value)
        case Struct():
            told = [f"{o.encode_name}={_shown(getattr(value, o.name))}" for o in fields(value)]
            return "; ".join(told)
        case _:
            return str(value)
