"""Whatever is wrong with a body is told as that by every route that takes one, and changes nothing.

The kinds of faults are looked at one by one elsewhere; here it is that no route leaves a gap.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.matrix.row import Cell, cells_of
from tests.e2e.matrix.table import ROWS
from tests.e2e.matrix.world import World

WITH_BODY = {
    name: next(cell for cell in cells_of(row) if isinstance(cell.ask.body, dict))
    for name, row in ROWS.items()
    if any(isinstance(ask.body, dict) for ask in row.asks)
}
"""A cell of each, that a super_admin may do."""

JSON = "application/json"
LARGE = "413 payload_too_large"
TYPE = "415 unsupported_media_type"
BROKEN = "400 malformed_body"
WRONG = "422 validation_failed"

WHOLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", BROKEN),
    "cut": (b'{"a":', BROKEN),
    "with a mark of the byte order": (b"\xef\xbb\xbf{}", BROKEN),
    "in UTF-16": ("{}".encode("utf-16"), BROKEN),
    "no UTF-8": (b'{"a":"\xff"}', BROKEN),
    "half a surrogate": (b'{"a":"\\ud800"}', BROKEN),
    "twice": (b"{}{}", BROKEN),
    "with a comment": (b"{}//", BROKEN),
    "no number": (b'{"a":NaN}', BROKEN),
    "endless": (b'{"a":1e999}', BROKEN),
    "over 64 bits": (b'{"a":18446744073709551616}', BROKEN),
    "one name twice": (b'{"a":1,"a":1}', BROKEN),
    "one name twice, one written otherwise": (b'{"a":1,"\\u0061":1}', BROKEN),
    "33 deep": (b'{"a":' * 33 + b"1" + b"}" * 33, BROKEN),
    "a list": (b"[]", WRONG),
    "a text": (b'"x"', WRONG),
    "a number": (b"1", WRONG),
    "unknown members": (b'{"nick":1}', WRONG),
    "too large": (b'{"a":"' + b"x" * 70_000 + b'"}', LARGE),
}

TAKEN = {
    ("empty", "POST /api/v1/api-keys/{key_id}/rotate"),
    ("empty", "POST /api/v1/system/keys/rotate"),
    ("empty", "POST /api/v1/auth/identities/{provider}/link"),
}
"""Where no body is a body: nothing in it is needed."""


async def said(world: World, cell: Cell, data: bytes, **headers: str) -> str:
    """What a super_admin is told about this body."""
    answer = await world.client("super_admin").request(
        cell.row.method,
        world.path_of("super_admin", cell),
        data=data,
        headers={"Content-Type": JSON, **headers},
    )
    return f"{answer.status} {answer.error}"


@pytest.mark.parametrize("route", WITH_BODY)
async def test_a_body_that_is_none_is_refused(world: World, route: str) -> None:
    # IV-01, IV-03, IV-04, IV-05, IV-06
    cell, before = WITH_BODY[route], world.state()

    faults = {name: fault for name, fault in WHOLE.items() if (name, route) not in TAKEN}
    found = {name: await said(world, cell, data) for name, (data, _) in faults.items()}

    assert found == {name: code for name, (_, code) in faults.items()}
    assert world.state() == before


@pytest.mark.parametrize("route", WITH_BODY)
async def test_a_body_of_another_kind_is_not_read(world: World, route: str) -> None:
    # IV-01, IV-06
    cell, before = WITH_BODY[route], world.state()
    good = json.dumps(world.body_of("super_admin", cell)).encode()
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json",
             "application/json; charset=latin-1", "application/jsonp")  # fmt: skip

    found = {kind: await said(world, cell, good, **{"Content-Type": kind}) for kind in kinds}
    packed = await said(world, cell, gzip.compress(good), **{"Content-Encoding": "gzip"})

    assert set(found.values()) == {TYPE}
    assert packed == TYPE
    assert world.state() == before


def bent(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The body with one member of another type, or with NUL in a text."""
    for name, value in body.items():
        wrong: list[Any] = [1, 1.5, True, [[]], {"x": 1}]
        if isinstance(value, str):
            wrong.append("a\0b")
        elif isinstance(value, list):
            wrong = [1, "x", {"x": 1}, True]
        elif isinstance(value, dict):
            wrong = [1, "x", [], True]
        yield from ((f"{name}: {other!r}", {**body, name: other}) for other in wrong)


@pytest.mark.parametrize("route", [name for name, cell in WITH_BODY.items() if cell.ask.body])
async def test_types_are_strict_in_every_member(world: World, route: str) -> None:
    # IV-05, IV-06
    before, found = world.state(), {}
    for ask in ROWS[route].asks:
        cell = next(each for each in cells_of(ROWS[route]) if each.ask == ask)
        body = world.body_of("super_admin", cell)
        for name, other in bent(body or {}):
            found[f"{ask.name}, {name}"] = await said(world, cell, json.dumps(other).encode())

    assert {name: code for name, code in found.items() if code != WRONG} == {}
    assert world.state() == before
