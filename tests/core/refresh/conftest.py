"""Whose sessions go on."""

from __future__ import annotations

import pytest

from agentbox.model.users import User
from tests.core.world import World, add_user


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage, username="alice")
