"""Raw values to a typed options struct, field by field, so that every fault is found at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import inspect

from agentbox.config.raw.environment import variable_of
from agentbox.config.raw.tree import Leaf, Origin, Table, at, fault_of
from agentbox.config.wording import bare, describe, did_you_mean, is_secret, shown
from agentbox.model.secret import Secret
from agentbox.model.times import parse_duration
from agentbox.plugin.options import Options

OptionsT = TypeVar("OptionsT", bound=Options)

_SEQUENCES = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


class Faulty(Exception):
    """A value, or one inside it, is wrong; the fault has been noted."""


class Converter:
    """Makes options from a table and notes what is wrong.

    `bad` holds the dotted settings that have a fault; they stand at their default in what
    `options` returns. `missing` holds required settings that nothing sets, each with the table
    that it would stand in.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.bad: set[str] = set()
        self.missing: list[tuple[str, Origin | None]] = []

    def options(self, cls: type[OptionsT], table: Table, dotted: str) -> OptionsT | None:
        """The options of `cls` that `table` sets; None if a required one is missing or wrong."""
        info = inspect.type_info(cls)
        assert isinstance(info, inspect.StructType)  # noqa: S101  Options are structs
        children = self._known(info, _with_files(info, table), dotted)
        hints = get_type_hints(cls, include_extras=True)
        values: dict[str, Any] = {}
        complete = True
        for option in info.fields:
            setting = f"{dotted}.{option.encode_name}"
            node = children.get(option.encode_name)
            if node is None:
                if option.required:
                    self.missing.append((setting, table.origin))
                    complete = False
                continue
            try:
                values[option.name] = self._value(hints[option.name], option.type, node, setting)
            except Faulty:
                self.bad.add(setting)
                complete = complete and not option.required
        return self._make(cls, values, dotted, table) if complete else None

    def fault(self, origin: Origin | None, setting: str, sentence: str) -> None:
        """Note a fault of a setting."""
        self.bad.add(setting)
        self.faults.append(fault_of(at(origin, setting), sentence))

    def report_missing(self) -> None:
        """Turn what is missing into faults."""
        for setting, origin in self.missing:
            table, _, key = setting.rpartition(".")
            # A variable that sets something beside it is not where it is missing.
            place = origin if origin and origin.kind == "file" else None
            sentence = f"is needed; set {variable_of(setting)}, or {key} in [{table}]"
            self.fault(place, setting, sentence)

    def _make(
        self, cls: type[OptionsT], values: Mapping[str, Any], dotted: str, table: Table
    ) -> OptionsT | None:
        try:
            return cls(**values)
        except (ValueError, TypeError) as error:  # raised by a __post_init__ of the plugin's
            self.fault(table.origin, dotted, str(error))
            return None

    def _known(
        self, info: inspect.StructType, children: Mapping[str, Leaf | Table], dotted: str
    ) -> Mapping[str, Leaf | Table]:
        names = [option.encode_name for option in info.fields]
        for name, node in children.items():
            if name in names:
                continue
            setting = f"{dotted}.{name}"
            guess = did_you_mean(name, names, prefix=f"{dotted}.")
            self.fault(node.origin, setting, f"there is no such setting{guess}")
        return children

    def _value(self, hint: Any, info: inspect.Type, node: Leaf | Table, setting: str) -> Any:
        inner = bare(info)
        if isinstance(node, Leaf):
            if isinstance(inner, (inspect.StructType, inspect.DictType)):
                return self._fail(node.origin, setting, _table_wanted(node, setting))
            return self._leaf(hint, info, node, setting)
        if isinstance(inner, inspect.StructType):
            return self._struct(inner.cls, node, setting)
        if isinstance(inner, inspect.DictType):
            return self._dict(hint, inner, node, setting)
        return self._fail(node.origin, setting, f"is a table, but should be {describe(info)}")

    def _struct(self, cls: Any, node: Table, setting: str) -> Any:
        before = len(self.faults), len(self.missing)
        made = self.options(cls, node, setting)
        if made is None or before != (len(self.faults), len(self.missing)):
            raise Faulty
        return made

    def _dict(self, hint: Any, inner: inspect.DictType, node: Table, setting: str) -> Any:
        value_hint = get_args(_without_none(hint))[1]
        made, failed = {}, False
        for name, child in node.children.items():
            try:
                made[name] = self._value(value_hint, inner.value_type, child, f"{setting}.{name}")
            except Faulty:
                failed = True
        if failed:
            raise Faulty
        return made

    def _leaf(self, hint: Any, info: inspect.Type, leaf: Leaf, setting: str) -> Any:
        loose = leaf.origin.kind == "environment"
        inner = bare(info)
        if leaf.content is not None and leaf.content.fault:
            return self._fail(leaf.origin, setting, leaf.content.fault)
        raw = leaf.raw
        if loose and isinstance(raw, str) and isinstance(inner, _SEQUENCES):
            raw = [part.strip() for part in raw.split(",") if part.strip()]
        elif raw == "" and loose:
            return self._fail(leaf.origin, setting, "is set but empty; give it a value or unset it")
        try:
            return msgspec.convert(_prepared(raw, inner), hint, strict=not loose, dec_hook=_decode)
        except (msgspec.ValidationError, ValueError, TypeError, OverflowError):
            subject = "the value" if is_secret(info) else shown(raw)
            return self._fail(leaf.origin, setting, f"{subject} is not {describe(info)}")

    def _fail(self, origin: Origin | None, setting: str, sentence: str) -> Any:
        self.fault(origin, setting, sentence)
        raise Faulty


def _table_wanted(leaf: Leaf, setting: str) -> str:
    if leaf.origin.kind == "environment":
        return f"is a table; set its members, such as {variable_of(setting)}__<KEY>"
    return f"is a table; write its settings in [{setting}]"


def _without_none(hint: Any) -> Any:
    """The type inside `Annotated[… | None, …]`."""
    while True:
        args = get_args(hint)
        if hasattr(hint, "__metadata__"):
            hint = args[0]
        elif type(None) in args:
            hint = next(arg for arg in args if arg is not type(None))
        else:
            return hint


def _with_files(info: inspect.StructType, table: Table) -> Mapping[str, Leaf | Table]:
    """The children of a table, `<key>_file` from the environment read as `<key>`'s value."""
    names = {option.encode_name for option in info.fields}
    children: dict[str, Leaf | Table] = {}
    for name, node in table.children.items():
        stem = name.removesuffix("_file")
        if name in names or stem not in names or isinstance(node, Table) or node.content is None:
            children[name] = node if isinstance(node, Table) else _plain(node)
            continue
        other = table.children.get(stem)
        content = node.content
        if isinstance(other, Leaf) and other.origin.kind == "environment":
            fault = f"{other.origin.label} is set as well; unset one of them"
            content = msgspec.structs.replace(content, fault=fault)
        origin = msgspec.structs.replace(
            node.origin, file=str(node.raw), exposed=node.content.exposed
        )
        children[stem] = Leaf(content.text, origin, content)
    return children


def _plain(leaf: Leaf) -> Leaf:
    return msgspec.structs.replace(leaf, content=None)


def _prepared(raw: object, info: inspect.Type) -> object:
    """`raw` with the durations in it parsed, which msgspec would want in ISO 8601."""
    info = bare(info)
    if isinstance(info, inspect.TimeDeltaType):
        if isinstance(raw, str):
            return parse_duration(raw)
        if not isinstance(raw, timedelta):
            raise TypeError("a duration is text")
    if isinstance(raw, list) and isinstance(info, _SEQUENCES):
        return [_prepared(item, info.item_type) for item in raw]
    if isinstance(raw, dict) and isinstance(info, inspect.StructType):
        types = {option.encode_name: option.type for option in info.fields}
        return {
            name: _prepared(value, types.get(name, inspect.AnyType()))
            for name, value in raw.items()
        }
    return raw


def _decode(wanted: type, raw: object) -> object:
    """msgspec's hook for the types that it does not know."""
    if wanted is Secret and isinstance(raw, str):
        return Secret(raw)
    if wanted is Path and isinstance(raw, str) and raw:
        return Path(raw)
    raise TypeError(f"{wanted.__name__} is written as text")
