"""What must come of requests about API keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.model.oracle.rules import (
    BEYOND_ENVIRONMENTS,
    DEFAULT_OF_KEYS,
    enough,
    greater,
    needs,
    outranks,
    permission,
    recognised,
    require_grantable,
    scopes_of,
    seen,
)
from tests.e2e.model.oracle.world import Credential, Refused, User, World

Body = Mapping[str, Any]


def shown(key: Credential) -> dict[str, Any]:
    """A key's record, as far as the model knows it."""
    return {
        "id": key.id,
        "scopes": sorted(key.scopes),
        "all_environments": key.all_environments,
        "permissions": sorted(key.entries.items()) if key.entries or key.limited else None,
    }


def told(record: Body) -> dict[str, Any]:
    """The same of a record that the server shows."""
    return {
        "id": record["id"],
        "scopes": record["scopes"],
        "all_environments": record.get("all_environments"),
        "permissions": entries_told(record.get("permissions")),
    }


def entries_told(entries: Sequence[Mapping[str, str]] | None) -> list[tuple[str, str]] | None:
    """The entries in a fixed order, if there are any."""
    if entries is None:
        return None
    return sorted((each["environment_id"], each["permission"]) for each in entries)


def body(wanted: Body) -> dict[str, Any]:
    """The body of a request for what is wanted; here and below, entries are by environment."""
    if "permissions" not in wanted:
        return dict(wanted)
    entries = wanted["permissions"].items()
    listed = [{"environment_id": each, "permission": most} for each, most in entries]
    return {**wanted, "permissions": listed}


def make(world: World, who: Credential, wanted: Body, made: Body) -> dict[str, Any]:
    """POST: never more than its maker; what is left out is inherited from a key."""
    user = needs(world, who, "api_keys:write")
    faults: list[str] = []
    own = scopes_of(world, who)
    scopes = set(wanted["scopes"]) if "scopes" in wanted else DEFAULT_OF_KEYS & own
    if not scopes or not scopes <= own:
        faults.append("scope_exceeds_own")
    key = Credential(
        name=f"key {len(world.credentials)} of {user.username}",
        user_id=user.id,
        token=made.get("key", ""),
        id=made.get("id", ""),
        scopes=frozenset(scopes),
        expires=who.expires,
    )
    if "all_environments" in wanted or "permissions" in wanted:
        key.all_environments = wanted.get("all_environments")
        key.entries = dict(wanted.get("permissions", {}))
        faults += _beyond(world, who, user, key)
    else:
        key.all_environments, key.entries = _inherited(who, user)
    if key.limited and scopes & BEYOND_ENVIRONMENTS:
        faults.append("scope_conflict")
    if faults:
        raise Refused(*faults)
    world.credentials.append(key)
    world.events.append("api_key.create")
    return shown(key)


def _inherited(who: Credential, user: User) -> tuple[str | None, dict[str, str]]:
    """Of a key what it reaches itself; of a session read-only everywhere. No more for viewers."""
    if not who.is_key:
        return "viewer", {}
    if user.role == "viewer":
        return who.all_environments and "viewer", dict.fromkeys(who.entries, "viewer")
    return who.all_environments, dict(who.entries)


def _beyond(world: World, who: Credential, user: User, key: Credential) -> list[str]:
    """The faults of what a new key is to reach."""
    faults = _beyond_entries(world, who, user, key.entries)
    wanted = key.all_environments
    if wanted is not None:
        if user.role == "viewer" and wanted != "viewer":
            faults.append("permission_exceeds_role")
        if who.is_key and not enough(who.all_environments, wanted):
            faults.append("permission_exceeds_own")
    return faults


def _beyond_entries(
    world: World, who: Credential, user: User, entries: Mapping[str, str]
) -> list[str]:
    """The faults of entries that `user`'s key is to get from `who`."""
    faults: list[str] = []
    for environment_id, most in entries.items():
        try:
            environment = seen(world, who, environment_id)
            require_grantable(user.role, most)
        except Refused as refused:
            faults += refused.args
        else:
            if not enough(permission(world, who, environment), most):
                faults.append("permission_exceeds_own")
    return faults


def edit(world: World, who: Credential, key: Credential, wanted: Body) -> dict[str, Any]:
    """PATCH: one's own key, whose rights only get narrower. A new entry is given anew."""
    user = _own(world, who, key)
    faults: list[str] = []
    after = dataclasses.replace(
        key,
        scopes=frozenset(wanted.get("scopes", key.scopes)),
        all_environments=wanted.get("all_environments", key.all_environments),
        entries=dict(wanted.get("permissions", key.entries)),
    )
    if not after.scopes <= key.scopes:
        faults.append("scope_exceeds_own")
    if _wider(after, key):
        faults.append("permission_exceeds_own")
    raised = {
        each: most
        for each, most in after.entries.items()
        if not enough(key.entries.get(each), most)
    }
    faults += _beyond_entries(world, who, user, raised)
    if after.limited and after.scopes & BEYOND_ENVIRONMENTS:
        faults.append("scope_conflict")
    if key.over and not faults:
        faults.append("conflict")
    if faults:
        raise Refused(*faults)
    if shown(after) != shown(key):
        key.scopes, key.all_environments = after.scopes, after.all_environments
        key.entries = after.entries
        world.events.append("api_key.update")
    return shown(key)


def rotate(
    world: World, who: Credential, key: Credential, made: Body, *, overlap: bool
) -> dict[str, Any]:
    """POST: the same again with a new secret, never for a key that has less itself."""
    user = _own(world, who, key)
    faults: list[str] = []
    if who.is_key and who is not key:
        if not key.scopes <= who.scopes:
            faults.append("scope_exceeds_own")
        if _wider(key, who):
            faults.append("permission_exceeds_own")
        if who.expires is not None and (key.expires is None or key.expires > who.expires):
            faults.append("validation_failed")
    if not faults and (key.over or key.rotated):
        faults.append("conflict")
    if faults:
        raise Refused(*faults)
    world.credentials.append(
        dataclasses.replace(
            key,
            name=f"key {len(world.credentials)} of {user.username}",
            token=made.get("key", ""),
            id=made.get("id", ""),
            entries=dict(key.entries),
        )
    )
    key.rotated, key.over = True, not overlap
    if overlap and key.expires is None:
        key.expires = len(world.credentials)
    world.events += ["api_key.create", "api_key.rotate"]
    return shown(world.credentials[-1])


def _own(world: World, who: Credential, key: Credential) -> User:
    user = needs(world, who, "api_keys:write")
    if key.user_id != user.id:
        raise Refused("not_found")
    return user


def _wider(key: Credential, most: Credential) -> bool:
    """Whether a key reaches further than another anywhere."""
    pairs = [(key.all_environments, most.all_environments)]
    pairs += [
        (wanted, greater(most.entries.get(each), most.all_environments))
        for each, wanted in key.entries.items()
    ]
    return any(wanted is not None and not enough(has, wanted) for wanted, has in pairs)


def revoke(world: World, who: Credential, key: Credential) -> None:
    """DELETE: one's own, or one of a user of lower rank; again is no change."""
    user = needs(world, who, "api_keys:write")
    owner = world.users.get(key.user_id)
    if owner is None:
        raise Refused("not_found")
    acts = "users:credentials" in scopes_of(world, who) and outranks(user, owner.role)
    if owner is not user and not acts:
        raise Refused("not_found")
    if not key.over:
        key.over = True
        world.events.append("api_key.revoke")


def revoke_itself(world: World, who: Credential) -> None:
    """POST self/revoke: whoever holds a key."""
    recognised(world, who)
    if not who.is_key:
        raise Refused("not_found")
    who.over = True
    world.events.append("api_key.revoke")
