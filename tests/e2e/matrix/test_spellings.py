"""No other spelling of any route answers, not even to who may do everything."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.matrix.row import Cell, cells_of
from tests.e2e.matrix.table import ROWS
from tests.e2e.matrix.world import World
from tests.e2e.wire import send

SPELLINGS = {
    "two slashes first": "/{path}",
    "two slashes last": "{folder}//{last}",
    "two slashes after api": "/api//{below}",
    "a slash at the end": "{path}/",
    "two slashes at the end": "{path}//",
    "a dot": "{folder}/./{last}",
    "a dot at the end": "{path}/.",
    "an encoded dot": "{folder}/%2e/{last}",
    "an encoded dot in capitals": "{folder}/%2E/{last}",
    "dots": "{folder}/x/../{last}",
    "encoded dots": "{folder}/x/%2e%2e/{last}",
    "dots from a public path": "/healthz/..{path}",
    "encoded dots from a public path": "/healthz/%2e%2e{path}",
    "an encoded slash": "{folder}%2f{last}",
    "a backslash": "{folder}\\{last}",
    "a semicolon at the end": "{path};",
    "a semicolon and a word": "{path};x=1",
    "a semicolon inside": "{folder};x/{last}",
    "an encoded semicolon": "{path}%3b",
    "a blank at the end": "{path}%20",
    "a nul at the end": "{path}%00",
    "a suffix": "{path}.json",
}


CASES: dict[str, Callable[[str], str]] = {"upper": str.upper, "title": str.title}


def first_of(route: str) -> Cell:
    """A cell that opens the route to a super_admin, could it be spelt so."""
    return next(cells_of(ROWS[route]))


async def opened(world: World, spelt: dict[str, str]) -> dict[str, int]:
    """Which of these addresses, by route, answer a super_admin by anything but a refusal."""
    token = world.client("super_admin").headers["Authorization"]
    found = {}
    for route, address in spelt.items():
        body = json.dumps(world.body_of("super_admin", first_of(route))).encode()
        said = await send(
            world.live,
            f"{ROWS[route].method} {address} HTTP/1.1",
            "Host: localhost",
            f"Authorization: {token}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            body=body,
        )
        if said.status not in {400, 404, 405}:
            found[f"{route}: {address}"] = said.status
    return found


def spelt(path: str, spelling: str) -> str:
    """The path in another spelling, with its query behind it."""
    path, mark, query = path.partition("?")
    folder, _, last = path.rpartition("/")
    below = path.removeprefix("/api/")
    return spelling.format(path=path, folder=folder, last=last, below=below) + mark + query


@pytest.mark.parametrize("name", SPELLINGS)
async def test_no_other_spelling_of_any_route_opens_it(world: World, name: str) -> None:
    # AZ-01
    before = world.state()
    paths = {route: world.path_of("super_admin", first_of(route)) for route in ROWS}

    others = {route: spelt(path, SPELLINGS[name]) for route, path in paths.items()}

    assert await opened(world, others) == {}
    assert world.state() == before


@pytest.mark.parametrize("case", CASES)
async def test_no_route_opens_in_another_case(world: World, case: str) -> None:
    # AZ-01
    before, others = world.state(), {}
    for route, row in ROWS.items():
        words = [w if "{" in w else CASES[case](w) for w in row.path.split("/")]
        cell = first_of(route)._replace(row=row._replace(route=f"{row.method} {'/'.join(words)}"))
        others[route] = world.path_of("super_admin", cell)

    assert await opened(world, others) == {}
    assert world.state() == before


async def test_no_route_answers_a_method_that_it_has_not(world: World) -> None:
    # AZ-01, WB-07
    before, found = world.state(), {}
    methods: dict[str, set[str]] = {}
    for route, row in ROWS.items():
        path, _, _ = world.path_of("super_admin", first_of(route)).partition("?")
        methods.setdefault(path, set()).add(row.method)
    for path, known in methods.items():
        for method in {"OPTIONS", "TRACE", "GET", "POST", "PUT", "PATCH", "DELETE"} - known:
            answer = await world.client("super_admin").request(method, path)
            if answer.status not in {400, 404, 405}:  # a word may be an id elsewhere
                found[f"{method} {path}"] = answer.status

    assert found == {}
    assert world.state() == before
