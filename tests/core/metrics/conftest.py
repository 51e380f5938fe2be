"""A clock and counters."""

from __future__ import annotations

import pytest

from agentbox.core.counters import Counters
from tests.core.world import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def counters() -> Counters:
    return Counters()
