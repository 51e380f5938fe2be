"""An opened `apikey` authenticator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentbox.plugin import NoOptions
from agentbox_apikey.authenticator import APIKEY_TYPE, ApiKeyAuthenticator
from tests.plugins.rows import add_user
from tests.plugins.stand_in import StandInServices


@pytest.fixture
def services(storage: Any) -> StandInServices:
    return StandInServices(storage, NoOptions())


@pytest.fixture
async def authenticator(
    services: StandInServices, storage: Any
) -> AsyncIterator[ApiKeyAuthenticator]:
    await add_user(storage)
    async with APIKEY_TYPE.open(services) as opened:
        assert isinstance(opened, ApiKeyAuthenticator)
        yield opened
