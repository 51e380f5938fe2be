"""The rules written a second time leave nothing out and make nothing up."""

from __future__ import annotations

from agentbox.web.app import served_routes
from agentbox.web.routes import route_table
from tests.e2e.matrix.oracle import JUDGES
from tests.e2e.matrix.row import cells_of
from tests.e2e.matrix.rules import DEFAULT, LOWEST_ROLE
from tests.e2e.matrix.table import ROWS
from tests.e2e.matrix.world import World


def served(world: World) -> set[str]:
    """Every route of the server, as the rules name it."""
    runtime = world.live.runtime
    return {f"{r.method} {r.path}" for r in served_routes(runtime, route_table(runtime))}


async def test_every_route_has_its_row_and_every_row_its_route(world: World) -> None:
    # AZ-01
    assert served(world) == ROWS.keys()


async def test_the_scopes_are_those_of_the_server(world: World) -> None:
    told = (await world.client("viewer").get("/scopes")).body["scopes"]

    assert {each["name"]: each["min_role"] for each in told} == LOWEST_ROLE
    assert {each["name"] for each in told if each["default"]} == set(DEFAULT)


def test_no_two_cells_of_a_row_have_one_name() -> None:
    for row in ROWS.values():
        names = [cell.name for cell in cells_of(row)]
        assert len(names) == len(set(names)), row.route


def test_every_judge_is_asked() -> None:
    asked = {name for row in ROWS.values() for ask in row.asks for name in ask.judged}

    assert asked == JUDGES.keys()
