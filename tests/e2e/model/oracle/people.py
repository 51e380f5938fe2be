"""What must come of requests about users and sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.model.oracle.permissions import heirs_of
from tests.e2e.model.oracle.rules import found, needs, recognised, require_rank
from tests.e2e.model.oracle.world import Credential, Refused, User, World

Body = Mapping[str, Any]

SHOWN = ("id", "username", "role", "status", "email")


def shown(user: User) -> dict[str, Any]:
    """A user's record, as far as the model knows it."""
    return {name: getattr(user, name) for name in SHOWN}


def listed(world: World, who: Credential) -> list[dict[str, Any]]:
    """GET all, newest first."""
    needs(world, who, "users:read")
    return [shown(user) for user in reversed(world.users.values())]


def create(world: World, who: Credential, body: Body, made: Body) -> dict[str, Any]:
    """POST: a role or a password needs a scope of its own."""
    user = needs(world, who, "users:write")
    if body.get("role", "user") != "user":
        needs(world, who, "roles:write")
    if "password" in body:
        needs(world, who, "users:credentials")
    new = User(made.get("id", ""), body["username"], body.get("role", "user"))
    require_rank(user, new.role)
    new.status, new.password = body.get("status", "active"), body.get("password")
    _require_free(world, new.id, body)
    world.users[new.id] = new
    world.events.append("user.create")
    return shown(new)


def edit(world: World, who: Credential, user_id: str, body: Body) -> dict[str, Any]:
    """PUT or PATCH: of oneself the e-mail alone, of others below all."""
    if user_id == recognised(world, who).id:
        user = needs(world, who, "self:write")
        if "password" in body:
            raise Refused("self_forbidden")
        kept = ("username", "role", "status")
        if any(body.get(name, getattr(user, name)) != getattr(user, name) for name in kept):
            below = user.role in ("viewer", "user")
            raise Refused("insufficient_role" if below else "self_forbidden")
    else:
        user = _other(world, who, user_id, body)
    _require_free(world, user_id, body)
    before = shown(user)
    if "password" in body:
        user.password = body["password"]
        world.events.append("user.password_set")
    for name in body.keys() & before.keys():
        setattr(user, name, body[name])
    if user.status != "active" or "password" in body:
        end_sessions(world, user_id)
    if shown(user) != before:
        world.events.append("user.update")
    return shown(user)


def _other(world: World, who: Credential, user_id: str, body: Body) -> User:
    caller = needs(world, who, "users:write")
    if "role" in body:
        needs(world, who, "roles:write")
    if "password" in body:
        needs(world, who, "users:credentials")
    user = found(world, user_id)
    require_rank(caller, user.role)
    require_rank(caller, body.get("role", "viewer"))
    return user


def _require_free(world: World, user_id: str, body: Body) -> None:
    """Names and addresses are unique, in any case of letters."""
    for user in world.users.values():
        if user.id != user_id and (
            user.username.lower() == body.get("username", "").lower()
            or (user.email is not None and user.email == body.get("email"))
        ):
            raise Refused("conflict")


def switch(world: World, who: Credential, user_id: str, status: str) -> dict[str, Any]:
    """POST enable or disable: another's status, which may be that already."""
    caller = needs(world, who, "users:write")
    user = _acted_on(world, caller, user_id)
    if user.status != status:
        user.status = status
        world.events.append("user.update")
    if status != "active":
        end_sessions(world, user_id)
    return shown(user)


def switch_each(
    world: World, who: Credential, user_ids: Sequence[str], status: str
) -> list[str | None]:
    """POST bulk: each judged alone; what is wrong with it, if anything."""
    needs(world, who, "users:write")
    results: list[str | None] = []
    for user_id in user_ids:
        try:
            switch(world, who, user_id, status)
        except Refused as refused:
            results += refused.args
        else:
            results.append(None)
    return results


def delete(world: World, who: Credential, user_id: str) -> None:
    """DELETE: with grants, keys and sessions; what it alone owned passes to who deletes it."""
    caller = needs(world, who, "users:write")
    _acted_on(world, caller, user_id)
    for environment in world.environments.values():
        if user_id in environment.owners and not heirs_of(world, environment, user_id):
            environment.grants[caller.id] = "owner"
            environment.owners.append(caller.id)
            world.events.append("permission.grant")
        heirs = heirs_of(world, environment, user_id)
        environment.grants.pop(user_id, None)
        environment.owners = [each for each in environment.owners if each != user_id]
        if environment.user_id == user_id:
            environment.user_id = heirs[0]
    del world.users[user_id]
    world.events.append("user.delete")


def _acted_on(world: World, caller: User, user_id: str) -> User:
    user = found(world, user_id)
    if user is caller:
        raise Refused("self_forbidden")
    require_rank(caller, user.role)
    return user


def end_sessions(world: World, user_id: str, keep: Credential | None = None) -> None:
    """A user's, for good; keys go on."""
    for each in world.credentials:
        if each.user_id == user_id and not each.is_key and each is not keep:
            each.over = True


def end_sessions_of(world: World, who: Credential, user_id: str) -> None:
    """DELETE another user's sessions."""
    _acted_on(world, needs(world, who, "users:credentials"), user_id)
    end_sessions(world, user_id)
    world.events.append("user.sessions_end")


def end_other_sessions(world: World, who: Credential) -> None:
    """DELETE one's own sessions but this one."""
    user = recognised(world, who)
    if who.is_key:
        raise Refused("session_required")
    end_sessions(world, user.id, keep=who)
    world.events.append("user.sessions_end")


def sign_in(world: World, body: Body, answer: Body) -> None:
    """POST /auth/login, for active people with the right password."""
    for user in world.users.values():
        mine = (user.username, user.password, user.status)
        if mine == (body["username"], body["password"], "active"):
            name = f"session {len(world.credentials)} of {user.username}"
            world.credentials.append(Credential(name, user.id, answer.get("token", "")))
            world.events.append("session.begin")
            return
    raise Refused("invalid_credentials")


def sign_out(world: World, who: Credential) -> None:
    """POST /auth/logout."""
    recognised(world, who)
    if who.is_key:
        raise Refused("session_required")
    who.over = True
    world.events.append("session.end")
