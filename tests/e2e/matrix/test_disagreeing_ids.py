"""Ids that stand anywhere but where a route takes them from count for nothing, or are refused."""

from __future__ import annotations

import pytest

from tests.e2e.matrix.callers import CALLERS
from tests.e2e.matrix.oracle import expected
from tests.e2e.matrix.row import PLACEHOLDER, cells_of
from tests.e2e.matrix.table import ROWS
from tests.e2e.matrix.test_cells import said
from tests.e2e.matrix.world import World

ASKING = ("user", "admin", "super_admin")
OWN = {"user_id": "self", "environment_id": "own", "key_id": "self", "session_id": "current"}
OWN["identity_id"] = "own"
HEADERS = {
    "user_id": ("X-User-Id", "X-User", "X-Owner"),
    "environment_id": ("X-Environment", "X-Environment-Id"),
    "key_id": ("X-Key-Id",),
    "session_id": ("X-Session-Id",),
    "identity_id": ("X-Identity-Id",),
}
NAMING = [route for route in ROWS if PLACEHOLDER.search(route)]
WITH_BODY = [
    name for name, row in ROWS.items() if any(isinstance(ask.body, dict) for ask in row.asks)
]


@pytest.mark.parametrize("who", ASKING)
@pytest.mark.parametrize("route", NAMING)
async def test_an_id_in_the_query_or_a_header_does_not_count(
    world: World, route: str, who: str
) -> None:
    # AZ-06
    row, caller, wrong = ROWS[route], CALLERS[who], {}
    own = {
        name: world.id_of(name, OWN[name], caller.person)
        for name in PLACEHOLDER.findall(row.path)
        if name in OWN
    }
    noise = {**own, "id": next(iter(own.values()), "x")}
    headers = {header: value for name, value in own.items() for header in HEADERS[name]}
    for cell in cells_of(row):
        answer = await world.send(who, cell, params=noise, headers=headers)
        if said(cell, answer) != expected(caller, cell):
            wrong[cell.name] = said(cell, answer)

    assert wrong == {}


@pytest.mark.parametrize("route", WITH_BODY)
async def test_an_id_that_the_body_does_not_take_is_refused(world: World, route: str) -> None:
    # AZ-06
    row, wrong, before = ROWS[route], {}, world.state()
    taken = {name for ask in row.asks for name in ask.body or {}}
    for cell in cells_of(row):
        for name in {"id", *OWN} - taken:
            body = {**(cell.ask.body or {}), name: "x" * 20}
            answer = await world.send(
                "super_admin", cell._replace(ask=cell.ask._replace(body=body))
            )
            if (answer.status, answer.error) != (422, "validation_failed"):
                wrong[f"{cell.name}, {name}"] = (answer.status, answer.error)

    assert wrong == {}
    assert world.state() == before
