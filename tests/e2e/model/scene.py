"""Where every run begins: people with environments, permissions and keys, made once over HTTP."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from tests.backend import database_in
from tests.e2e.model.oracle import environments, keys, people, permissions
from tests.e2e.model.oracle.world import Credential, User, World
from tests.e2e.people import Template, in_a_thread
from tests.live import ADMIN_PASSWORD, USER_PASSWORD, Live, ShiftedClock, live_server

SIGNED_IN = ("viewer", "user", "other_user", "admin", "other_admin", "super_admin")
"""Those of the template whose sessions take part; the others are there to be acted on."""

DEMOTED = "viewer"
"""Who was a user when all this was made."""

ENVIRONMENTS = {
    "viewer": {"user": "editor"},
    "user": {"viewer": "viewer", "other_user": "editor"},
    "other_user": {"user": "owner", "admin": "editor"},
    "other_admin": {"user": "viewer", "admin": "viewer"},
    "super_admin": {"other_admin": "owner"},
}
"""Whose they are, and whom they are shared with."""

_ENVIRONMENTS = [f"environments:{action}" for action in ("read", "create", "write", "share")]

KEYS: dict[str, dict[str, Any]] = {
    "viewer": {"scopes": _ENVIRONMENTS, "all_environments": "owner"},
    "user": {"scopes": _ENVIRONMENTS, "all_environments": "editor"},
    "other_user": {
        "scopes": [*_ENVIRONMENTS, "api_keys:write"],
        "permissions": {"other_user": "owner", "user": "viewer"},
    },
    "admin": {"scopes": ["users:read", "users:write", "environments:share", "self:write"]},
    "other_admin": {"scopes": _ENVIRONMENTS, "permissions": {}},
    "super_admin": {
        "scopes": ["users:read", "users:write", "roles:write", "api_keys:write"],
        "all_environments": "owner",
    },
}
"""By whom, and how; `permissions` by whose environment it is."""


class Scene(NamedTuple):
    """A filled database, what the model knows of it, and when that was."""

    folder: Path
    known: World
    made_at: float

    def copy_to(self, folder: Path) -> World:
        """The database and its key, as if the server had run there."""
        database_in(self.folder).copy_to(folder)
        return deepcopy(self.known)

    def clock(self) -> ShiftedClock:
        """For a server that goes on from there: tokens and sign-ins are as young as they were."""
        clock = ShiftedClock()
        clock.advance(self.made_at - monotonic())
        return clock


def build_scene(template: Template, folder: Path) -> Scene:
    """Fill a copy of the template."""
    template.copy_to(folder)
    world, named = World(), {}
    for name, seed in template.seeds.items():
        password = ADMIN_PASSWORD if name == "first" else USER_PASSWORD
        record = seed.record
        user = User(record["id"], record["username"], record["role"], password=password)
        world.users[user.id] = user
        if name in SIGNED_IN:
            named[name] = Credential(name, user.id, "")
            world.credentials.append(named[name])
    in_a_thread(_fill(folder, world, named))
    world.events.clear()
    return Scene(folder, world, monotonic())


async def _fill(folder: Path, world: World, named: dict[str, Credential]) -> None:
    ids: dict[str, str] = {}
    async with live_server(folder) as live:
        for who in named.values():
            caller = await live.sign_in(world.users[who.user_id].username)
            who.token = caller.headers["Authorization"].removeprefix("Bearer ")
        await _give_role(live, world, named, "user")
        for name, shared in ENVIRONMENTS.items():
            who = named[name]
            made = await _made(live, who, "/environments", {"name": "box"})
            environments.register(world, who, {"name": "box"}, made)
            for other, most in shared.items():
                user_id = named[other].user_id
                body = {"user_id": user_id, "permission": most}
                await _made(live, who, f"/environments/{made['id']}/permissions", body)
                permissions.give(world, who, made["id"], user_id, most, of_user=False)
            ids[name] = made["id"]
        for name, wanted in KEYS.items():
            if "permissions" in wanted:
                entries = {ids[each]: most for each, most in wanted["permissions"].items()}
                wanted = wanted | {"permissions": entries}
            made = await _made(live, named[name], "/api-keys", keys.body(wanted))
            keys.make(world, named[name], wanted, made)
        await _give_role(live, world, named, "viewer")


async def _give_role(live: Live, world: World, named: dict[str, Credential], role: str) -> None:
    who, user_id = named["super_admin"], named[DEMOTED].user_id
    answer = await live.with_token(who.token).patch(f"/users/{user_id}", {"role": role})
    assert answer.status == 200, answer.text
    people.edit(world, who, user_id, {"role": role})


async def _made(live: Live, who: Credential, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await live.with_token(who.token).post(path, body)
    assert answer.status == 201, answer.text
    return dict(answer.body)
