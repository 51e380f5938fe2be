"""docs/access.md: the tables in it, made from the code that decides."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from agentbox import errors
from agentbox.model.access.permissions import Reason, held, may_administer
from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.scopes import SCOPES
from agentbox.web.errors import STATUS
from tests.core.world import principal, user_of
from tests.house.routes_page import table
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "access.md"
_PART = re.compile(r"(<!-- made from the code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def access_page() -> str:
    """The page with its tables as the code has them now."""
    text = PAGE.read_text()
    assert {name for _, name, _ in _PART.findall(text)} == set(TABLES)
    return _PART.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _scopes() -> str:
    return _table(
        ("scope", "opens", "lowest role", "a key has it by default"),
        (
            (f"`{rule.name}`", rule.description, rule.min_role, "yes" if rule.default else "")
            for rule in SCOPES.values()
        ),
    )


def _held() -> str:
    grants: tuple[Permission | None, ...] = (None, *Permission)
    return _table(
        ("role", *(f"granted {granted or 'nothing'}" for granted in grants)),
        ((role, *(held(role, granted) or "nothing" for granted in grants)) for role in Role),
    )


def _permissions() -> str:
    """The routes by the least permission that they ask for."""
    routes: dict[Permission, list[str]] = defaultdict(list)
    for route in table():
        if route.access.environment is not None:
            path = route.path.removeprefix("/api/v1")
            routes[route.access.environment].append(f"{route.method} {path}")
    return _table(
        ("at least", "routes"),
        (
            (level, "<br>".join(f"`{name}`" for name in routes[level]))
            for level in Permission
            if routes[level]
        ),
    )


def _administer() -> str:
    def may(role: Role, of: Role) -> str:
        return "yes" if may_administer(principal(user_of(role)), "e", None, of) else ""

    return _table(
        ("who, without a permission of its own", *(f"environment of {_a(role)}" for role in Role)),
        ((role, *(may(role, of) for of in Role)) for role in Role),
    )


def _a(role: Role) -> str:
    return f"{'an' if role is Role.ADMIN else 'a'} {role}"


_REASONS: Mapping[Reason, str] = {
    Reason.OK: "it may",
    Reason.INSUFFICIENT_SCOPE: "the credential doesn't have the scope",
    Reason.NO_PERMISSION: "the environment is not there for it, or not at all",
    Reason.INSUFFICIENT_PERMISSION: "it sees the environment and may do less there",
    Reason.RESTRICTED: "the session must change its password first",
}


def _reasons() -> str:
    return _table(("reason", "means"), ((f"`{each}`", _REASONS[each]) for each in Reason))


_ORDER: tuple[type[errors.Problem], ...] = (
    errors.InvalidRequest,
    errors.NotFound,
    errors.MethodNotAllowed,
    errors.Unauthorized,
    errors.InvalidToken,
    errors.RateLimited,
    errors.PasswordChangeRequired,
    errors.InsufficientRole,
    errors.SessionRequired,
    errors.InsufficientScope,
    errors.InsufficientUserAuthentication,
    errors.MalformedBody,
    errors.ValidationFailed,
    errors.NotFound,
    errors.InsufficientPermission,
    errors.InsufficientRank,
    errors.Conflict,
)


def _order() -> str:
    seen: set[type[errors.Problem]] = set()
    rows = []
    for number, kind in enumerate(_ORDER, 1):
        title = "The thing is not there, or not for the caller" if kind in seen else kind.title
        if kind is errors.NotFound and kind not in seen:
            title = "The path is unknown"
        seen.add(kind)
        rows.append((str(number), str(STATUS[kind]), f"`{kind.code}`", title))
    return _table(("", "status", "code", "if"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "scopes": _scopes,
    "held": _held,
    "permissions": _permissions,
    "administer": _administer,
    "reasons": _reasons,
    "order": _order,
}
