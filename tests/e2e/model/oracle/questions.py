"""What is asked after every step, with every credential that was ever made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tests.e2e.model.oracle import environments, keys, people
from tests.e2e.model.oracle.rules import (
    LOWEST_ROLE,
    enough,
    permission,
    recognised,
    scopes_of,
)
from tests.e2e.model.oracle.world import PERMISSIONS, Credential, World

TOGETHER = ("environments:read", "environments:write", "system:write")
"""Scopes that are asked for together with a permission too."""


class Question(NamedTuple):
    """A request that changes nothing."""

    method: str
    path: str
    body: Any = None


def questions(world: World, who: Credential, number: int) -> Iterator[Question]:
    """Everything that there is to ask; what follows from little else is asked by turns."""
    there = [*world.gone, *world.environments]
    yield Question("GET", "/auth/me")
    yield Question("GET", "/environments")
    if number % 4 == 0 or "users:read" in scopes_of(world, who):
        yield Question("GET", "/users")
    yield Question("POST", "/authorize", {"checks": checks(there)})
    yield Question("GET", f"/environments/{there[number % len(there)] if there else 'nowhere'}")


def checks(environment_ids: Sequence[str]) -> list[dict[str, str]]:
    """All scopes, and all permissions on the newest environments and one that was never there.

    At most a hundred, which is all that one request may ask.
    """
    asked: list[dict[str, str]] = [{"scope": scope} for scope in LOWEST_ROLE]
    for environment_id in [*environment_ids[-20:], "nowhere"]:
        for needed in PERMISSIONS:
            asked.append({"environment_id": environment_id, "permission": needed})
    return asked + [each | {"scope": scope} for each in asked[-6:] for scope in TOGETHER]


def answer(world: World, who: Credential, question: Question) -> Any:
    """What must come back. Raises `Refused`."""
    match question:
        case ("GET", "/auth/me", _):
            return _me(world, who)
        case ("GET", "/environments", _):
            return environments.listed(world, who)
        case ("GET", "/users", _):
            return people.listed(world, who)
        case ("POST", "/authorize", body):
            recognised(world, who)
            return [_reason(world, who, check) for check in body["checks"]]
        case ("GET", path, _):
            return environments.read(world, who, path.rpartition("/")[2])
    raise AssertionError(question)


def told(question: Question, body: Any) -> Any:
    """The part of an answer that `answer` speaks of."""
    match question:
        case ("GET", "/auth/me", _):
            names = {"method", "scopes", "api_key_id", "all_environments"}
            reach = {"environments": keys.entries_told(body["auth"].get("environments"))}
            return _known(body) | {name: body["auth"].get(name) for name in names} | reach
        case ("GET", "/environments" | "/users" as path, _):
            rows = body[path[1:]]
            assert body["total"] == len(rows)
            return [_known(row) for row in rows]
        case ("POST", "/authorize", _):
            assert all(each["allowed"] == (each["reason"] == "ok") for each in body["results"])
            return [each["reason"] for each in body["results"]]
    return _known(body)


def _known(body: Any) -> dict[str, Any]:
    names = people.SHOWN if "username" in body else environments.SHOWN
    return {name: body.get(name) for name in names}


def _me(world: World, who: Credential) -> dict[str, Any]:
    user = recognised(world, who)
    reach = keys.shown(who) if who.is_key else {}
    return people.shown(user) | {
        "method": "api_key" if who.is_key else "session",
        "scopes": sorted(scopes_of(world, who)),
        "api_key_id": who.id,
        "all_environments": reach.get("all_environments"),
        "environments": reach.get("permissions"),
    }


def _reason(world: World, who: Credential, check: dict[str, str]) -> str:
    if "scope" in check and check["scope"] not in scopes_of(world, who):
        return "insufficient_scope"
    if "environment_id" not in check:
        return "ok"
    environment = world.environments.get(check["environment_id"])
    has = permission(world, who, environment) if environment else None
    if has is None:
        return "no_permission"
    return "ok" if enough(has, check["permission"]) else "insufficient_permission"
