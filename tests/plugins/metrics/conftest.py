"""Services of the host for the plugin `metrics`, over a real database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentbox.core.counters import Counters
from agentbox.core.host_services import HostServices
from agentbox.model.formats.api_key import KeyFormat
from agentbox.plugin import Storage
from tests.plugins.stand_in import StandingClock


@pytest.fixture
def services(storage: Storage) -> HostServices:
    return HostServices(
        clock=StandingClock(),
        public_url="https://auth.example",
        api_key_format=KeyFormat("ak_live_"),
        counters=Counters(),
        stale_after=timedelta(minutes=2),
        instance_id="metrics",
        opened_storage=storage,
    )
