"""The cookies that a route reads (RFC 6265 section 5.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from agentbox.errors import InvalidRequest

# cookie-octet of RFC 6265 section 4.1.1: no spaces, quotes, commas, semicolons, backslashes.
_VALUE: Final = re.compile(r"[!#-+\--:<-\[\]-~]{1,512}")
_REST: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def cookie_of(headers: Iterable[str], name: str) -> str | None:
    """The value of the cookie `name` in the Cookie headers; None if it is not there or not one.

    Raises `InvalidRequest` if there are two of it: which of them is meant nobody can tell.
    """
    values = [value for key, value in _pairs(headers) if key == name]
    if len(values) > 1:
        raise _twice(name)
    return values[0] if values and _VALUE.fullmatch(values[0]) else None


def cookies_of(headers: Iterable[str], prefix: str) -> dict[str, str]:
    """The values of all cookies whose names begin with `prefix`, by the rest of their names.

    What is not one is left out. Raises `InvalidRequest` if there are two of one name.
    """
    values: dict[str, str] = {}
    for key, value in _pairs(headers):
        rest = key.removeprefix(prefix)
        if rest == key or not _REST.fullmatch(rest):
            continue
        if rest in values:
            raise _twice(key)
        values[rest] = value
    return {rest: value for rest, value in values.items() if _VALUE.fullmatch(value)}


def _pairs(headers: Iterable[str]) -> Iterator[tuple[str, str]]:
    for header in headers:
        for pair in header.split(";"):
            key, equals, value = pair.partition("=")
            if equals:
                yield key.strip(" \t"), value.strip(" \t")


def _twice(name: str) -> InvalidRequest:
    return InvalidRequest(f"The cookie {name} was sent twice.")
