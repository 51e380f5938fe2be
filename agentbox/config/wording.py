"""Words for messages: what a setting may be, what was meant, what may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from msgspec import inspect

from agentbox.model.secret import Secret

_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*):\S*@")  # rather too much than too little
_LONGEST = 60


def bare(info: inspect.Type) -> inspect.Type:
    """The type without its descriptions and without None."""
    while True:
        if isinstance(info, inspect.Metadata):
            info = info.type
        elif isinstance(info, inspect.UnionType):
            rest = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
            if len(rest) != 1:
                return info
            info = rest[0]
        else:
            return info


def is_secret(info: inspect.Type) -> bool:
    """True if values of this type hold a secret anywhere."""
    info = bare(info)
    if isinstance(info, inspect.UnionType):
        return any(is_secret(kind) for kind in info.types)
    if isinstance(info, inspect.CustomType):
        return info.cls is Secret
    if isinstance(info, inspect.StructType):
        return any(is_secret(option.type) for option in info.fields)
    if isinstance(info, inspect.DictType):
        return is_secret(info.value_type)
    item = getattr(info, "item_type", None)
    return item is not None and is_secret(item)


def redacted(text: str) -> str:
    """The text without the password of a URL in it."""
    return _PASSWORD_IN_URL.sub(r"\1:…@", text)


def shown(raw: object) -> str:
    """A raw value for a message: short, and without the password of a URL."""
    text = redacted(repr(raw))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def describe(info: inspect.Type) -> str:
    """What the type takes: `a whole number from 0 to 65535`, `one of auto, json, console` …"""
    info = bare(info)
    match info:
        case inspect.UnionType():
            return " or ".join(describe(kind) for kind in info.types)
        case inspect.IntType():
            return "a whole number" + _bounds(info)
        case inspect.FloatType():
            return "a number" + _bounds(info)
        case inspect.StrType():
            return "text" + _form(info)
        case inspect.LiteralType():
            return "one of " + ", ".join(str(value) for value in info.values)
        case inspect.EnumType():
            return "one of " + ", ".join(str(member.value) for member in info.cls)
        case inspect.CustomType(cls=cls):
            return "a path" if cls is Path else "text"
        case _:
            return _WORDS.get(type(info).__name__) or _collection(info)


_WORDS = {
    "BoolType": "true or false",
    "TimeDeltaType": "a duration such as 30s, 15m, 8h or 7d",
    "StructType": "a table",
    "DictType": "a table",
}


def _collection(info: inspect.Type) -> str:
    item = getattr(info, "item_type", None)
    return "a list" if item is None else f"a list, each {describe(item)}"


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" from {info.ge} to {info.le}"
    words = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}
    told = [
        f" {text} {bound}"
        for name, text in words.items()
        if (bound := getattr(info, name)) is not None
    ]
    return " and".join(told)


def _form(info: inspect.StrType) -> str:
    told = []
    if info.min_length:
        told.append(f" of at least {info.min_length} characters")
    if info.max_length is not None:
        told.append(f" of at most {info.max_length} characters")
    if info.pattern:
        told.append(f" of the form {info.pattern}")
    return " and".join(told)


def did_you_mean(name: str, names: Iterable[str], *, prefix: str = "", suffix: str = "") -> str:
    """`; did you mean X?` as the end of a sentence, or nothing where no name comes close."""
    by_lower = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {prefix}{by_lower[close[0]]}{suffix}?" if close else ""
