"""No route answers under another name, or opens itself to another site."""

from __future__ import annotations

import pytest

from tests.e2e.matrix.row import Cell, cells_of
from tests.e2e.matrix.table import ROWS
from tests.e2e.matrix.world import World

PROBES = {"/healthz", "/readyz", "/api/v1/health"}
"""Asked by address, whatever that is."""

HOSTS = ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8080")
ORIGINS = ("https://evil.example", "null", "http://localhost.evil.example")


def cell_of(route: str) -> Cell:
    """One that a super_admin may do; it is not asked twice where it can be done once."""
    return next(cells_of(ROWS[route]))


@pytest.mark.parametrize("host", HOSTS)
async def test_no_route_answers_to_another_host(world: World, host: str) -> None:
    # WB-05
    found, before = {}, world.state()
    for route, row in ROWS.items():
        answer = await world.send("super_admin", cell_of(route), headers={"Host": host})
        echoed = "evil" in f"{answer.headers}{answer.text}"
        probe = row.path in PROBES and answer.status == 200
        if echoed or not (probe or (answer.status, answer.error) == (400, "invalid_request")):
            found[route] = (answer.status, answer.error)

    assert found == {}
    assert world.state() == before


@pytest.mark.parametrize("origin", ORIGINS)
async def test_no_route_opens_itself_to_another_origin(world: World, origin: str) -> None:
    # WB-03
    found = {}
    for route, row in ROWS.items():
        path = world.path_of("super_admin", cell_of(route))
        asked = {"Origin": origin, "Access-Control-Request-Method": row.method}
        answers = [
            await world.client("super_admin").request("OPTIONS", path, headers=asked),
            await world.send("nobody", cell_of(route), headers={"Origin": origin}),
        ]
        if any(name.startswith("Access-") for answer in answers for name in answer.headers):
            found[route] = [dict(answer.headers) for answer in answers]

    assert found == {}
