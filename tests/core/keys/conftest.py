"""A user and the principal of a session of theirs."""

from __future__ import annotations

import pytest

from agentbox.model.principal import Actor
from agentbox.model.users import User
from tests.core.world import World, add_user, signed_in


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage)


@pytest.fixture
async def owner(world: World, user: User) -> Actor:
    """`user`, signed in."""
    return await signed_in(world.storage, user)
