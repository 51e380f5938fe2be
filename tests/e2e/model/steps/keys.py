"""API keys."""

from __future__ import annotations

from typing import Any

from tests.e2e.model.oracle import keys
from tests.e2e.model.oracle.rules import DEFAULT_OF_KEYS, LOWEST_ROLE, held, scopes_of
from tests.e2e.model.oracle.world import PERMISSIONS, Credential
from tests.e2e.model.play import Play
from tests.e2e.model.steps.choice import Choice
from tests.e2e.model.steps.step import (
    Step,
    room_for_credentials,
    some_key,
    some_key_and_room,
    with_scope,
)


def make_key(play: Play, choice: Choice) -> None:
    """By a session or a key, with what is drawn from the table or with what is left out."""
    who = choice.caller(with_scope(play.world, "api_keys:write"))
    wanted: dict[str, Any] = {}
    own = sorted(scopes_of(play.world, who)) if play.world.alive(who) else []
    if choice.odds(3, 4):
        pool = own if own and choice.odds(3, 4) else list(LOWEST_ROLE)
        wanted["scopes"] = choice.some(pool) or sorted(DEFAULT_OF_KEYS)
    if choice.odds(1, 2):
        wanted["all_environments"] = choice.of(PERMISSIONS)
    if not choice.odds(1, 2):
        wanted["permissions"] = _entries(play, choice, who)
    play.step(
        who, "POST", "/api-keys", keys.body(wanted),
        lambda made: keys.make(play.world, who, wanted, made), success=201, of_answer=keys.told,
    )  # fmt: skip


def narrow_key(play: Play, choice: Choice) -> None:
    """Or try to widen it."""
    key = _key(play, choice)
    who = choice.caller(_owners(play, key))
    edit: dict[str, Any] = {}
    if choice.odds(1, 2):
        edit["scopes"] = choice.some(sorted(key.scopes)) or sorted(DEFAULT_OF_KEYS)
    if choice.odds(1, 3):
        edit["all_environments"] = choice.of((*PERMISSIONS, None))
    if not choice.odds(1, 2):
        edit["permissions"] = _entries(play, choice, who)
    play.step(
        who, "PATCH", f"/api-keys/{key.id}", keys.body(edit),
        lambda _: keys.edit(play.world, who, key, edit), of_answer=keys.told,
    )  # fmt: skip


def rotate_key(play: Play, choice: Choice) -> None:
    """With the hour that the old one goes on, or without."""
    key = _key(play, choice)
    who = choice.caller([*_owners(play, key), key])
    overlap = choice.odds(1, 2)
    play.step(
        who, "POST", f"/api-keys/{key.id}/rotate", {} if overlap else {"overlap_seconds": 0},
        lambda made: keys.rotate(play.world, who, key, made, overlap=overlap),
        success=201, of_answer=keys.told,
    )  # fmt: skip


def revoke_key(play: Play, choice: Choice) -> None:
    """One's own or another's, again too."""
    key = _key(play, choice)
    who = choice.caller(_owners(play, key))
    play.step(
        who, "DELETE", f"/api-keys/{key.id}", None,
        lambda _: keys.revoke(play.world, who, key), success=204,
    )  # fmt: skip


def revoke_itself(play: Play, choice: Choice) -> None:
    """A key; a session can't."""
    who = choice.caller()
    play.step(
        who, "POST", "/api-keys/self/revoke", None,
        lambda _: keys.revoke_itself(play.world, who), success=204,
    )  # fmt: skip


def _key(play: Play, choice: Choice) -> Credential:
    living = [who for who in play.world.living() if who.is_key]
    every = [who for who in play.world.credentials if who.is_key]
    return choice.of(living if living and choice.odds(2, 3) else every)


def _owners(play: Play, key: Credential) -> list[Credential]:
    able = with_scope(play.world, "api_keys:write")
    return [who for who in able if who.user_id == key.user_id]


def _entries(play: Play, choice: Choice, who: Credential) -> dict[str, str]:
    """Mostly on what the owner of the key sees."""
    owner = play.world.users.get(who.user_id)
    seen = [each.id for each in play.world.environments.values() if owner and held(owner, each)]
    wanted: dict[str, str] = {}
    for _ in range(2):
        each = choice.of(seen) if seen and choice.odds(4, 5) else choice.environment_id()
        wanted[each] = choice.of(PERMISSIONS)
    return {each: wanted[each] for each in choice.some(list(wanted))}


STEPS = (
    Step(make_key, room_for_credentials, weight=2),
    Step(narrow_key, some_key, weight=3),
    Step(rotate_key, some_key_and_room),
    Step(revoke_key, some_key),
    Step(revoke_itself, some_key),
)
