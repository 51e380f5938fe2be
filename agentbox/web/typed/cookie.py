"""The one cookie that a route reads (RFC 6265 section 5.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from agentbox.errors import InvalidRequest

# cookie-octet of RFC 6265 section 4.1.1: no spaces, quotes, commas, semicolons, backslashes.
_VALUE: Final = re.compile(r"[!#-+\--:<-\[\]-~]{1,512}")


def cookie_of(headers: Iterable[str], name: str) -> str | None:
    """The value of the cookie `name` in the Cookie headers; None if it is not there or not one.

    Raises `InvalidRequest` if there are two of it: which of them is meant nobody can tell.
    """
    values = [
        value.strip(" \t")
        for header in headers
        for pair in header.split(";")
        for key, equals, value in [pair.partition("=")]
        if equals and key.strip(" \t") == name
    ]
    if len(values) > 1:
        raise InvalidRequest(f"The cookie {name} was sent twice.")
    return values[0] if values and _VALUE.fullmatch(values[0]) else None
