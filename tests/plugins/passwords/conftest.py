"""An opened `password` authenticator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentbox.model.principal import Origin
from agentbox.plugin import LoginContext
from agentbox_password.authenticator import LocalPasswords
from agentbox_password.descriptor import PASSWORD_TYPE, PasswordOptions
from tests.plugins.stand_in import START, StandInServices


@pytest.fixture
def services(storage: Any) -> StandInServices:
    return StandInServices(storage, PasswordOptions())


@pytest.fixture
async def passwords(services: StandInServices) -> AsyncIterator[LocalPasswords]:
    async with PASSWORD_TYPE.open(services) as opened:
        assert isinstance(opened, LocalPasswords)
        yield opened


@pytest.fixture
def context() -> LoginContext:
    return LoginContext(now=START, origin=Origin())
