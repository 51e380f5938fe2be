"""A database with one of everything, for every test to copy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.backend import database_in
from tests.e2e.contract.known import PARAMETER, TEXTS, Known, with_known
from tests.e2e.contract.operations import Operations
from tests.e2e.people import ROLES, People, Template, in_a_thread
from tests.live import UNTHROTTLED, Caller, live_server

LASTING = {"AGENTBOX_JWT_EXPIRY": "8h", **UNTHROTTLED}
"""The long sizes take longer than an access token lives, and are full of wrong passwords."""


class Filled(NamedTuple):
    """A folder with a database, what its server documents, what is in it, and how to call."""

    folder: Path
    operations: Operations
    known: Known
    headers: Mapping[str, Mapping[str, str]]
    """Of everybody who calls; `nobody` has none."""

    def copy_to(self, folder: Path) -> None:
        """The database and its key, as if the server had run there."""
        database_in(self.folder).copy_to(folder)


def fill(template: Template, folder: Path) -> Filled:
    """The template's people and, by them, one of everything that the document lets them make."""
    template.copy_to(folder)
    return in_a_thread(_fill(template, folder))


async def _fill(template: Template, folder: Path) -> Filled:
    async with live_server(folder, environ=LASTING) as live:
        operations = Operations((await live.anonymous.get("/openapi.json")).body)
        people = People(live, template)
        callers = {role: await live.sign_in(people[role].username) for role in ROLES}
        finds = _Finds(operations)
        for path, parameter in finds.lists():
            for role in reversed(ROLES):
                await finds.look(callers[role], path, parameter)
        headers = {role: caller.headers for role, caller in callers.items()}
        headers["api_key"] = live.with_key(await people.other_user.key()).headers
        headers["nobody"] = {}
    known = finds.known | {
        "ids": finds.known["user_id"],
        "env_id": finds.known["environment_id"],
    }
    return Filled(folder, operations, known, headers)


class _Finds:
    """The ids in all lists, by the name of the path parameter that takes them."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self.known: dict[str, list[str]] = {name: list(texts) for name, texts in TEXTS.items()}

    def lists(self) -> list[tuple[str, str]]:
        """Lists whose items have paths of their own, outermost first, and that parameter."""
        found = {
            (path[: match.start() - 1], match[1])
            for path in (label.partition(" ")[2] for label in self._operations)
            for match in PARAMETER.finditer(path)
        }
        there = [(path, name) for path, name in found if f"GET {path}" in self._operations]
        return sorted(there, key=lambda each: (each[0].count("/"), each))

    async def look(self, caller: Caller, path: str, parameter: str) -> None:
        """Note the ids in a list; where it has none, make an item first."""
        if not all(self.known.get(name) for name in PARAMETER.findall(path)):
            return
        address = PARAMETER.sub(lambda match: self.known[match[1]][0], path)
        ids = _ids((await caller.get(address)).body, parameter)
        if not ids and f"POST {path}" in self._operations:
            for case in with_known(self._operations.cases(f"POST {path}"), self.known):
                body = case.body if isinstance(case.body, dict) else None
                if (await caller.post(address, body)).status == 201:
                    break
            ids = _ids((await caller.get(address)).body, parameter)
        self.known[parameter] = list(dict.fromkeys([*self.known.get(parameter, []), *ids]))


def _ids(body: Mapping[str, Any] | None, parameter: str) -> list[str]:
    """What `parameter` may be, from the one list in an answer."""
    lists = [member for member in (body or {}).values() if isinstance(member, list)]
    items = lists[0] if len(lists) == 1 else []
    found = [item.get(parameter, item.get("id")) for item in items if isinstance(item, dict)]
    return [each for each in found if isinstance(each, str)]
