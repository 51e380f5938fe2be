"""What a row of the rules says about a route, and the cells that follow from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from tests.e2e.matrix.targets import TARGETS

PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Ask(NamedTuple):
    """One valid request of a route.

    `{user_id}` and the like in `query` and `body` are every target in turn, `{new}` a name that is
    not taken. `only` are fewer targets. `scopes` are what the request asks for beyond its route,
    `others_scopes` and `others_role` what it needs where it names somebody else. `judged` are the
    rules for what it names, by their names in the oracle. `own` says that one may do it to oneself.
    `inside` says that a refusal after role and scope stands in the answer. `fault` is what it meets
    however right it is.
    """

    name: str = ""
    body: Any = None
    query: str = ""
    scopes: tuple[str, ...] = ()
    others_scopes: tuple[str, ...] = ()
    others_role: str = "viewer"
    judged: tuple[str, ...] = ()
    own: bool = False
    only: Mapping[str, tuple[str, ...]] = {}
    inside: bool = False
    fault: str | None = None


class Row(NamedTuple):
    """A route. `kind` is public, any, session or scope.

    `own_scope` counts where an ask of one's `own` names oneself. `restricted` says that it is open
    before the password is changed.
    """

    route: str
    kind: str = "scope"
    scope: str = ""
    own_scope: str = ""
    restricted: bool = False
    status: int = 200
    asks: tuple[Ask, ...] = (Ask(),)

    @property
    def method(self) -> str:
        """Such as GET."""
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        """With placeholders."""
        return self.route.partition(" ")[2]


class Cell(NamedTuple):
    """One request of a row: which targets it names, by placeholder."""

    row: Row
    ask: Ask
    at: Mapping[str, str]

    @property
    def name(self) -> str:
        """What is asked, of what."""
        return ", ".join([self.ask.name, *self.at.values()]).strip(", ") or "-"


def cells_of(row: Row) -> Iterator[Cell]:
    """Every ask of the row with every combination of targets."""
    for ask in row.asks:
        text = f"{row.path} {ask.query} {ask.body!r}"
        names = [name for name in TARGETS if name in PLACEHOLDER.findall(text)]
        kinds = [ask.only.get(name, TARGETS[name]) for name in names]
        for values in product(*kinds):
            yield Cell(row, ask, dict(zip(names, values, strict=True)))
