"""What a step is, and for whom and when there is something in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.e2e.model.oracle.rules import administers, scopes_of
from tests.e2e.model.oracle.world import Credential, World
from tests.e2e.model.play import Play
from tests.e2e.model.steps.choice import Choice

MOST_ENVIRONMENTS = 8
FEWEST_CREDENTIALS = 8
MOST_CREDENTIALS = 16


class Step(NamedTuple):
    """What a run may do next, where there is something for it."""

    take: Callable[[Play, Choice], None]
    possible: Callable[[World], bool] = lambda world: True
    weight: int = 1


def room_for_credentials(world: World) -> bool:
    """Whether there are not too many to ask with after every step."""
    return len(world.living()) < MOST_CREDENTIALS


def some_key(world: World) -> bool:
    """Whether a key was ever made."""
    return any(who.is_key for who in world.credentials)


def some_key_and_room(world: World) -> bool:
    """Whether there may be one more of a key."""
    return some_key(world) and room_for_credentials(world)


def room_for_environments(world: World) -> bool:
    """Whether all can be asked about at once."""
    return len(world.environments) < MOST_ENVIRONMENTS


def credentials_to_spare(world: World) -> bool:
    """Whether enough are left to go on with."""
    return len(world.living()) > FEWEST_CREDENTIALS


def with_scope(world: World, scope: str) -> list[Credential]:
    """The credentials that have it."""
    return [who for who in world.living() if scope in scopes_of(world, who)]


def administering(world: World, environment_id: str, scope: str) -> list[Credential]:
    """The credentials that administer an environment, as far as the scope goes."""
    there = world.environments.get(environment_id)
    return [who for who in with_scope(world, scope) if there and administers(world, who, there)]
