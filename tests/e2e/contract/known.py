"""Values that mean something to the server, put where a schema allows any text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from random import Random
from typing import Any

from schemathesis import Case

from agentbox.model.access.scopes import SCOPES
from tests.live import USER_PASSWORD
from tests.scale import scaled

Known = Mapping[str, Sequence[str]]
"""By the name of a path parameter, a query parameter or a member of a body."""

TEXTS: Known = {
    "username": ("viewer.person", "other_user.person", "newcomer-#", "newcomer-#"),
    "password": (USER_PASSWORD,),
    "current_password": (USER_PASSWORD,),
    "new_password": ("meadow-cobalt-thimble-93",),
    "email": ("taken@example.com", "newcomer-#@example.com"),
    "scope": tuple(SCOPES),
    "scopes": tuple(SCOPES),
    "method": ("password",),
    "type": ("cpu_usage", "start_time", "users", "logins"),
    "step": ("1h", "1d"),
    "start": ("2026-01-01T00:00:00Z", "2026-11-01T02:00:00+02:00"),
    "job": ("purge-expired", "flush-last-used"),
}
"""Beside the ids that are there. `#` becomes a number, another one in every request."""

MOST_PATHS = 12
"""How many of the paths with known ids are asked for at most."""

PARAMETER = re.compile(r"\{(\w+)\}")


def with_known(cases: Sequence[Case], known: Known) -> Iterator[Case]:
    """The valid ones among `cases` once more, with known values wherever there are any.

    Most generated ids and names are nobody's, and so most requests would end at 404 and 422.
    """
    valid = [case for case in cases if case.meta and case.meta.generation.mode.is_positive]
    paths = list(islice(_paths(valid[0].path, known), scaled(MOST_PATHS))) or [{}]
    choose = Random(valid[0].operation.label)
    for number in range(max(len(valid), len(paths))):
        case, path = valid[number % len(valid)], paths[number % len(paths)]
        replacing = _Replacing(known, choose, number)
        yield case.operation.Case(
            path_parameters=case.path_parameters | path,
            query=replacing.within(case.query),
            body=replacing.within(case.body),
            media_type=case.media_type,
        )


def _paths(path: str, known: Known) -> Iterator[dict[str, str]]:
    names = [name for name in PARAMETER.findall(path) if known.get(name)]
    if names:
        for values in product(*(known[name] for name in names)):
            yield dict(zip(names, values, strict=True))


class _Replacing:
    """Puts known values into one request."""

    def __init__(self, known: Known, choose: Random, number: int) -> None:
        self._known = known
        self._choose = choose
        self._number = number

    def within(self, value: Any, name: str = "") -> Any:
        """`value` with every text in it that stands under a known name replaced."""
        if isinstance(value, dict):
            return {key: self.within(member, key) for key, member in value.items()}
        if isinstance(value, list):
            return [self.within(item, name) for item in value]
        if isinstance(value, str) and self._known.get(name):
            return self._choose.choice(self._known[name]).replace("#", str(self._number))
        return value
