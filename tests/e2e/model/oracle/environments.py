"""What must come of requests about environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.model.oracle.rules import (
    administers,
    enough,
    found,
    needs,
    permission,
    reaches,
    require_grantable,
    require_rank,
    seen,
)
from tests.e2e.model.oracle.world import Credential, Environment, Refused, World

Body = Mapping[str, Any]

SHOWN = ("id", "name", "status", "user_id", "labels", "permission")


def shown(world: World, who: Credential, environment: Environment) -> dict[str, Any]:
    """An environment as a caller sees it, as far as the model knows it."""
    known = {name: getattr(environment, name) for name in ("id", "name", "status", "user_id")}
    return known | {
        "labels": environment.labels or None,
        "permission": permission(world, who, environment),
    }


def read(world: World, who: Credential, environment_id: str) -> dict[str, Any]:
    """GET one."""
    needs(world, who, "environments:read")
    return shown(world, who, seen(world, who, environment_id))


def listed(world: World, who: Credential) -> list[dict[str, Any]]:
    """GET all, newest first."""
    needs(world, who, "environments:read")
    newest = reversed(world.environments.values())
    return [shown(world, who, each) for each in newest if permission(world, who, each)]


def register(world: World, who: Credential, body: Body, made: Body) -> dict[str, Any]:
    """POST: whoever is to have it becomes its owner; a limited key gets an entry for it."""
    user = needs(world, who, "environments:create")
    whose = user
    if body.get("user_id", user.id) != user.id:
        if not reaches(user.role, "admin"):
            raise Refused("insufficient_role")
        whose = found(world, body["user_id"])
        require_rank(user, whose.role)
    require_grantable(whose.role, "owner")
    environment = Environment(
        id=made.get("id", ""),
        name=body["name"],
        user_id=whose.id,
        status=body.get("status", "pending"),
        labels=dict(body.get("labels", {})),
        grants={whose.id: "owner"},
        owners=[whose.id],
    )
    world.environments[environment.id] = environment
    if who.limited:
        who.entries[environment.id] = "owner"
    world.events.append("environment.create")
    return shown(world, who, environment)


def change(world: World, who: Credential, environment_id: str, body: Body) -> dict[str, Any]:
    """PATCH: labels and status for editors, the name for owners; all for those who administer."""
    needs(world, who, "environments:write")
    environment = seen(world, who, environment_id)
    needed = "owner" if "name" in body else "editor"
    has = permission(world, who, environment)
    if not enough(has, needed) and not administers(world, who, environment):
        raise Refused("insufficient_permission")
    before = (environment.name, environment.status, environment.labels)
    for name, value in body.items():
        setattr(environment, name, value)
    if before != (environment.name, environment.status, environment.labels):
        world.events.append("environment.update")
    return shown(world, who, environment)


def report(world: World, who: Credential, environment_id: str, body: Body) -> None:
    """POST report: for those who may use it, not for those who administer it."""
    needs(world, who, "environments:report")
    environment = seen(world, who, environment_id)
    if not enough(permission(world, who, environment), "editor"):
        raise Refused("insufficient_permission")
    status = body.get("status", environment.status)
    if status != environment.status:
        environment.status = status
        world.events.append("environment.update")


def delete(world: World, who: Credential, environment_id: str) -> None:
    """DELETE: with all permissions on it; entries of keys stay and give nothing."""
    needs(world, who, "environments:write")
    environment = seen(world, who, environment_id)
    if not administers(world, who, environment):
        raise Refused("insufficient_permission")
    del world.environments[environment_id]
    world.gone.append(environment_id)
    world.events.append("environment.delete")
