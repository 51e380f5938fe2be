"""What a cell has to answer, worked out from the rules as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tests.e2e.matrix.callers import Caller
from tests.e2e.matrix.row import Cell
from tests.e2e.matrix.rules import (
    ORDER,
    PERMISSIONS,
    STATUS,
    greater,
    has_scope,
    held,
    lesser,
    outranks,
    rank,
    strength,
)
from tests.e2e.matrix.targets import ENVIRONMENTS, GRANTED


class Expected(NamedTuple):
    """A status, and the code of a problem."""

    status: int
    code: str | None


def expected(caller: Caller, cell: Cell) -> Expected:
    """The answer that the rules give to this caller."""
    if cell.row.kind == "public":
        return _refusal(cell.ask.fault) if cell.ask.fault else Expected(cell.row.status, None)
    # The route is judged first, then what this request asks for beyond it.
    for faults in (_of_the_credential(caller, cell), _lacking(caller, cell.ask.scopes)):
        if shut := min(faults, key=ORDER.index, default=None):
            return _refusal(shut)
    refused = next(_of_what_is_named(caller, cell), None)
    if cell.ask.inside:
        return Expected(cell.row.status, refused)
    return _refusal(refused) if refused else Expected(cell.row.status, None)


def _refusal(code: str) -> Expected:
    return Expected(STATUS[code], code)


# --- what is judged before anything is looked up ------------------------------------------------


def _of_the_credential(caller: Caller, cell: Cell) -> Iterator[str]:
    if caller.fault:
        yield caller.fault
    if caller.restricted and not cell.row.restricted:
        yield "password_change_required"
    if cell.row.kind == "session" and caller.key:
        yield "session_required"
    if _names_another(cell) and rank(caller.role) < rank(cell.ask.others_role):
        yield "insufficient_role"
    # On oneself too: who could do it to others meets a conflict, whatever the key was given.
    if cell.row.scope and not cell.ask.own and not has_scope(caller.role, cell.row.scope):
        yield "insufficient_role"
    yield from _lacking(caller, _scopes(cell))


def _lacking(caller: Caller, scopes: Iterable[str]) -> Iterator[str]:
    for scope in scopes:
        if not has_scope(caller.role, scope):
            yield "insufficient_role"
        if scope not in caller.scopes:
            yield "insufficient_scope"


def _scopes(cell: Cell) -> Iterator[str]:
    row, ask = cell.row, cell.ask
    if row.kind == "scope":
        own = row.own_scope and cell.at.get("user_id") == "self"
        yield row.own_scope if own else row.scope
    if _names_another(cell):
        yield from ask.others_scopes


def _names_another(cell: Cell) -> bool:
    return cell.at.get("user_id", "self") != "self"


# --- what is judged by what the request names ---------------------------------------------------


def _of_what_is_named(caller: Caller, cell: Cell) -> Iterator[str]:
    """In the order of `judged`: what one may not act on tells nothing about what else is named."""
    if cell.ask.fault:
        yield cell.ask.fault
    for name in cell.ask.judged:
        yield from JUDGES[name](caller, cell)


def seen(caller: Caller, name: str) -> str | None:
    """The caller's permission on an environment, as it is shown."""
    environment = ENVIRONMENTS[name]
    if environment is None:
        return None
    return lesser(held(caller.role, environment.shared), limit(caller, name))


def limit(caller: Caller, name: str) -> str | None:
    """The most that this credential may do on an environment."""
    if caller.key is None:
        return "owner"
    return greater(caller.key.entries.get(name), caller.key.all_environments)


def administers(caller: Caller, name: str) -> bool:
    """Whether it says who may do what with an environment, changes and deletes it."""
    environment = ENVIRONMENTS[name]
    if environment is None or limit(caller, name) != "owner":
        return False
    below = environment.owner != "self" and outranks(caller.role, environment.owner)
    return seen(caller, name) == "owner" or (caller.role == "admin" and below)


def granted(cell: Cell) -> str | None:
    """What the user that is named was granted on the environment that is named."""
    user = cell.at["user_id"]
    environment = ENVIRONMENTS[cell.at["environment_id"]]
    return environment.shared if environment and user == "self" else GRANTED.get(user)


def _needs(permission: str) -> Callable[[Caller, Cell], Iterator[str]]:
    def judge(caller: Caller, cell: Cell) -> Iterator[str]:
        name = cell.at["environment_id"]
        holds = seen(caller, name)
        if holds is None:
            yield "not_found"
        elif strength(holds) < strength(permission) and not administers(caller, name):
            yield "insufficient_permission"

    return judge


def _uses_it(caller: Caller, cell: Cell) -> Iterator[str]:
    """An admin administers what it may not use until it gives itself a permission."""
    holds = seen(caller, cell.at["environment_id"])
    if holds is None:
        yield "not_found"
    elif strength(holds) < strength("editor"):
        yield "insufficient_permission"


def _user_there(_: Caller, cell: Cell) -> Iterator[str]:
    if cell.at["user_id"] == "nobody":
        yield "not_found"


def _user_below(caller: Caller, cell: Cell) -> Iterator[str]:
    user = cell.at["user_id"]
    if user not in {"self", "nobody"} and not outranks(caller.role, user):
        yield "insufficient_rank"


def _admins_below(caller: Caller, _: Cell) -> Iterator[str]:
    if not outranks(caller.role, "admin"):
        yield "insufficient_rank"


def _not_oneself(_: Caller, cell: Cell) -> Iterator[str]:
    if cell.at["user_id"] == "self":
        yield "self_forbidden"


def _takes_from_the_user(caller: Caller, cell: Cell) -> Iterator[str]:
    """One gives up one's own; a key no more than what it could do itself."""
    name = cell.at["environment_id"]
    if cell.at["user_id"] != "self" or granted(cell) is None:
        yield from _needs("owner")(caller, cell)
    elif seen(caller, name) is None:
        yield "not_found"
    elif strength(granted(cell)) > strength(limit(caller, name)):
        yield "insufficient_permission"


def _user_holds_one(_: Caller, cell: Cell) -> Iterator[str]:
    if granted(cell) is None:
        yield "not_found"


def _user_holds_none(_: Caller, cell: Cell) -> Iterator[str]:
    if granted(cell):
        yield "conflict"


def _an_owner_stays(_: Caller, cell: Cell) -> Iterator[str]:
    if (cell.at["user_id"], cell.at["environment_id"]) == ("self", "own"):
        yield "last_owner"


def _user_is_no_viewer(_: Caller, cell: Cell) -> Iterator[str]:
    if cell.at["user_id"] == "viewer":
        yield "permission_exceeds_role"


def _list_is_as_it_is_or_administered(caller: Caller, cell: Cell) -> Iterator[str]:
    """Of a list with viewer on one environment, and owner on the own one where it is one's own."""
    if cell.at["user_id"] == "self" and seen(caller, "own") is None:
        yield "not_found"
    if seen(caller, cell.at["environment_id"]) is None:
        yield "not_found"
    if granted(cell) != "viewer":
        yield from _needs("owner")(caller, cell)


def _key_is_visible(caller: Caller, cell: Cell) -> Iterator[str]:
    whose = cell.at["key_id"]
    if whose == "self":
        return
    may = "users:credentials" in caller.scopes
    if whose == "nobody" or not may or not outranks(caller.role, whose):
        yield "not_found"


def _key_is_ones_own(_: Caller, cell: Cell) -> Iterator[str]:
    if cell.at["key_id"] != "self":
        yield "not_found"


def _session_is_ones_own(_: Caller, cell: Cell) -> Iterator[str]:
    if cell.at["session_id"] not in {"current", "other"}:
        yield "not_found"


def _identity_is_ones_own(_: Caller, cell: Cell) -> Iterator[str]:
    if cell.at["identity_id"] != "own":
        yield "not_found"


def _a_key_is_presented(caller: Caller, _: Cell) -> Iterator[str]:
    if caller.key is None:
        yield "not_found"


def _key_is_no_wider(caller: Caller, _: Cell) -> Iterator[str]:
    """Everybody's own key looks at every environment; a key that looks at one renews none such."""
    if caller.key and caller.key.all_environments is None:
        yield "permission_exceeds_own"


def _gives(permission: str) -> Callable[[Caller, Cell], Iterator[str]]:
    """A key gets no more than what its owner holds, and its maker reaches."""

    def judge(caller: Caller, cell: Cell) -> Iterator[str]:
        holds = seen(caller, cell.at["environment_id"])
        if holds is None:
            yield "not_found"
        elif caller.role == "viewer" and permission != "viewer":
            yield "permission_exceeds_role"
        elif strength(permission) > strength(holds):
            yield "permission_exceeds_own"

    return judge


def _own_sessions_by_a_session(caller: Caller, cell: Cell) -> Iterator[str]:
    if caller.key and cell.at["user_id"] == "self":
        yield "session_required"


def _has_users_read(caller: Caller, _: Cell) -> Iterator[str]:
    if "users:read" not in caller.scopes:
        yield "scope_exceeds_own"


JUDGES: dict[str, Callable[[Caller, Cell], Iterator[str]]] = {
    "viewer on it": _needs("viewer"),
    "editor on it": _needs("editor"),
    "owner of it": _needs("owner"),
    "editor without administering": _uses_it,
    "takes from the user": _takes_from_the_user,
    "list is as it is or administered": _list_is_as_it_is_or_administered,
    "admins rank below": _admins_below,
    "user is there": _user_there,
    "user ranks below": _user_below,
    "user is not oneself": _not_oneself,
    "user holds one": _user_holds_one,
    "user holds none": _user_holds_none,
    "user is no viewer": _user_is_no_viewer,
    "an owner stays": _an_owner_stays,
    "key is visible": _key_is_visible,
    "key is one's own": _key_is_ones_own,
    "key is no wider": _key_is_no_wider,
    "session is one's own": _session_is_ones_own,
    "identity is one's own": _identity_is_ones_own,
    "own sessions by a session": _own_sessions_by_a_session,
    "a key is presented": _a_key_is_presented,
    "has users:read to give": _has_users_read,
    **{f"{permission} to give": _gives(permission) for permission in PERMISSIONS},
}
