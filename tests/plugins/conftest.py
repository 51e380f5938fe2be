"""What tests of the authenticators share."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins.memory_storage import MemoryStorage


@pytest.fixture
def storage() -> Any:
    return MemoryStorage()
