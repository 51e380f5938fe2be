"""What must come of requests about permissions on environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.model.oracle.rules import (
    administered,
    administers,
    enough,
    found,
    limit,
    needs,
    permission,
    reaches,
    recognised,
    require_grantable,
    seen,
)
from tests.e2e.model.oracle.world import Credential, Environment, Refused, World


def _caller(world: World, who: Credential, user_id: str, *, of_user: bool) -> None:
    """From the side of a user, others' permissions are for admins to write."""
    user = recognised(world, who)
    if of_user and user_id != user.id and not reaches(user.role, "admin"):
        raise Refused("insufficient_role")
    needs(world, who, "environments:share")


def heirs_of(world: World, environment: Environment, user_id: str) -> list[str]:
    """The other owners who hold it, for the longest time first: with viewers ownership rests."""
    others = [each for each in environment.owners if each != user_id]
    return [each for each in others if world.users[each].role != "viewer"]


def _set(world: World, environment: Environment, user_id: str, wanted: str | None) -> None:
    """Write a grant, or remove it. An owner who goes leaves the environment to another one."""
    if user_id in environment.owners and wanted != "owner":
        heirs = heirs_of(world, environment, user_id)
        if not heirs:
            raise Refused("last_owner")
        environment.owners.remove(user_id)
        if environment.user_id == user_id:
            environment.user_id = heirs[0]
    if wanted == "owner" and user_id not in environment.owners:
        environment.owners.append(user_id)
    if wanted is None:
        del environment.grants[user_id]
    else:
        environment.grants[user_id] = wanted


def give(
    world: World,
    who: Credential,
    environment_id: str,
    user_id: str,
    wanted: str,
    *,
    of_user: bool,
) -> dict[str, Any]:
    """POST from either side."""
    _caller(world, who, user_id, of_user=of_user)
    environment = administered(world, who, environment_id)
    require_grantable(found(world, user_id).role, wanted)
    if user_id in environment.grants:
        raise Refused("conflict")
    _set(world, environment, user_id, wanted)
    world.events.append("permission.grant")
    return {"user_id": user_id, "environment_id": environment_id, "permission": wanted}


def change(
    world: World,
    who: Credential,
    environment_id: str,
    user_id: str,
    wanted: str,
    *,
    of_user: bool,
) -> dict[str, Any]:
    """PUT from either side; the same again is no change."""
    _caller(world, who, user_id, of_user=of_user)
    environment = administered(world, who, environment_id)
    if user_id not in environment.grants:
        raise Refused("not_found")
    if environment.grants[user_id] != wanted:
        require_grantable(world.users[user_id].role, wanted)
        _set(world, environment, user_id, wanted)
        world.events.append("permission.change")
    return {"user_id": user_id, "environment_id": environment_id, "permission": wanted}


def take(
    world: World, who: Credential, environment_id: str, user_id: str, *, of_user: bool
) -> None:
    """DELETE from either side: by those who administer, or one's own, as far as one reaches."""
    _caller(world, who, user_id, of_user=of_user)
    environment = seen(world, who, environment_id)
    granted = environment.grants.get(user_id)
    if user_id == who.user_id and granted is not None:
        if not enough(permission(world, who, environment), granted):
            raise Refused("insufficient_permission")
    elif not administers(world, who, environment):
        raise Refused("insufficient_permission")
    if granted is None:
        raise Refused("not_found")
    _set(world, environment, user_id, None)
    world.events.append("permission.revoke")


def replace(
    world: World, who: Credential, user_id: str, wanted: Mapping[str, str]
) -> list[tuple[str, str]]:
    """PUT of a user's whole list: all of it or, with any fault, nothing."""
    _caller(world, who, user_id, of_user=True)
    user = found(world, user_id)
    there = {e.id: e.grants[user_id] for e in world.environments.values() if user_id in e.grants}
    plan: list[tuple[Environment, str | None, str]] = []
    faults: list[str] = []
    for environment_id, most in wanted.items():
        try:
            environment = seen(world, who, environment_id)
            if there.get(environment_id) == most:
                continue  # what stays may be named by those who see it
            administered(world, who, environment_id)
            require_grantable(user.role, most)
        except Refused as refused:
            faults += refused.args
        else:
            event = "permission.change" if environment_id in there else "permission.grant"
            plan.append((environment, most, event))
    for environment_id in there.keys() - wanted.keys():
        environment = world.environments[environment_id]
        if administers(world, who, environment):
            plan.append((environment, None, "permission.revoke"))
    left = [each for each, most, _ in plan if user_id in each.owners and most != "owner"]
    if not all(heirs_of(world, each, user_id) for each in left):
        faults.append("last_owner")
    if faults:
        raise Refused(*faults)
    for environment, most, event in plan:
        _set(world, environment, user_id, most)
        world.events.append(event)
    return of_user(world, who, user_id)


def of_user(world: World, who: Credential, user_id: str) -> list[tuple[str, str]]:
    """What a user was granted where, as far as the caller's credential reaches."""
    return sorted(
        (each.id, each.grants[user_id])
        for each in world.environments.values()
        if user_id in each.grants and limit(who, each)
    )
