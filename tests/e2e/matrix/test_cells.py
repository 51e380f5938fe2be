"""Every route, as everybody, on everything it may name: what the rules say, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.matrix.callers import CALLERS, DEAD
from tests.e2e.matrix.form import flaws
from tests.e2e.matrix.oracle import expected
from tests.e2e.matrix.row import Cell, cells_of
from tests.e2e.matrix.table import ROWS
from tests.e2e.matrix.world import World
from tests.house.routes_page import table
from tests.live import Answer

NO_HEAD = {f"{route.method} {route.path}" for route in table() if not route.head}
"""What is a GET and more than a read."""


def cases() -> Iterator[Any]:
    """A route and those who share a server: all if nothing is changed, else those whom nothing
    opens, and everybody else alone."""
    for route in ROWS:
        groups = {who: (who,) for who in CALLERS if who not in DEAD}
        groups["whoever has no right"] = tuple(DEAD)
        if ROWS[route].method == "GET":
            groups = {"everybody": tuple(CALLERS)}
        for name, group in groups.items():
            yield pytest.param(route, group, id=f"{route} as {name}")


def said(cell: Cell, answer: Answer) -> tuple[int, str | None]:
    """Status and code, also where the code stands in a list of results."""
    if cell.ask.inside and answer.status == 200:
        return 200, answer.body["results"][0].get("error")
    return answer.status, answer.error


async def faults(world: World, who: str, cell: Cell) -> list[str]:
    """What is wrong with the answer to one request."""
    answer, rule = await world.send(who, cell), expected(CALLERS[who], cell)
    found = [*flaws(cell.row, answer, sent=who != "nobody")]
    if said(cell, answer) != rule:
        found.append(f"{said(cell, answer)} instead of {tuple(rule)}")
    if cell.row.method == "GET":
        head = await world.send(who, cell, "HEAD")
        status = 405 if cell.row.route in NO_HEAD else answer.status
        if (head.status, head.text) != (status, ""):
            found.append(f"HEAD is {head.status} instead of {status}")
    return found


@pytest.mark.parametrize(("route", "group"), [*cases()])
async def test_every_cell_answers_as_the_rules_say(
    world: World, route: str, group: tuple[str, ...]
) -> None:
    # AZ-01, AZ-03, AZ-07, AK-04, AK-06, JWT-14, WB-04, WB-07
    row = ROWS[route]
    wrong, before = {}, world.state()
    for who in group:
        for cell in cells_of(row):
            found = await faults(world, who, cell)
            after = world.state()
            refused = expected(CALLERS[who], cell).code
            if after != before and (row.method == "GET" or refused):
                found.append("something was changed")
            if found:
                wrong[f"{who}: {cell.name}"] = found
            before = after

    assert wrong == {}
