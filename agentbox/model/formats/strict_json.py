"""JSON from outside, read strictly (RFC 8259, and what RFC 7493 advises beyond it).

The standard library's decoder takes NaN, the last of two equal names, lone surrogates and numbers
of any size, and runs out of stack on deep input. Here each of these is an error, and there are
only two kinds of errors:

- `MalformedJson`: not one well-formed JSON text (HTTP: 400 `malformed_body`);
- `NulInText`: well-formed, but with a NUL in a text (HTTP: 422 `validation_failed`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

MAX_DEPTH = 32
_INT64 = range(-(2**63), 2**63)

# A whole string, or what there is of it: never gives back what it took, so it is linear.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
# Without one of these there can be no surrogate, no NUL, no integer over 64 bits, no infinity.
_WORTH_A_WALK = re.compile(rb"\\u|[0-9]{19}|[0-9][eE]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedJson(ValueError):
    """Not one well-formed JSON text. `detail` is a sentence that holds nothing of the input."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NulInText(ValueError):
    """A text holds NUL; `pointer` (RFC 6901) says which, or which object has such a name."""

    def __init__(self, pointer: str) -> None:
        super().__init__(f"The text at {pointer!r} holds NUL.")
        self.pointer = pointer


def loads(data: bytes, *, max_depth: int = MAX_DEPTH) -> object:
    """The value of a JSON text in UTF-8: dict, list, str, int (64 bits), finite float, bool, None.

    Raises `MalformedJson` for syntax, trailing data, a byte order mark, bad UTF-8, lone
    surrogates, equal names in one object, nesting beyond `max_depth`, NaN, Infinity and numbers
    out of range; `NulInText` for NUL. Nothing else.
    """
    if _deeper_than(data, max_depth):
        raise MalformedJson(f"The JSON is nested deeper than {max_depth} levels.")
    value = _decode(data)
    if _WORTH_A_WALK.search(data) is not None:
        with_nul = [pointer for pointer in _walk(value, "") if pointer is not None]
        if with_nul:
            raise NulInText(with_nul[0])
    return value


def _decode(data: bytes) -> Any:
    # `from None` everywhere: the library's exceptions carry the input into tracebacks.
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except MalformedJson:
        raise
    except UnicodeDecodeError:
        raise MalformedJson("The JSON is not in UTF-8.") from None
    except json.JSONDecodeError as fault:
        raise MalformedJson(f"The JSON is not well-formed at character {fault.pos}.") from None
    except ValueError:  # int() refuses thousands of digits
        raise MalformedJson("A number is out of range.") from None


def _deeper_than(data: bytes, limit: int) -> bool:
    if data.count(b"[") + data.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJson("A name occurs twice in one object.")
    return members


def _no_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _walk(value: Any, pointer: str) -> Iterator[str | None]:
    """Pointers of texts with NUL; raises `MalformedJson` for surrogates and numbers."""
    if isinstance(value, str):
        yield pointer if _has_nul(value) else None
    elif isinstance(value, dict):
        for name, member in value.items():
            yield pointer if _has_nul(name) else None
            yield from _walk(member, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _walk(member, f"{pointer}/{index}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise MalformedJson("A number is out of range.")
    elif isinstance(value, int) and value not in _INT64:
        raise MalformedJson("A number is out of range.")


def _has_nul(text: str) -> bool:
    if _SURROGATE.search(text) is not None:
        raise MalformedJson("A text holds half of a surrogate pair.")
    return "\x00" in text
