"""For authors of plugins: conformance suites and samples, as a pytest plugin.

Write `pytest_plugins = ["agentbox.testing"]` in your top-level conftest.py. It needs pytest and
pytest-asyncio.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("agentbox.testing.storage", "agentbox.testing.metrics")

from agentbox.testing.hooks import pytest_runtest_makereport  # noqa: E402
from agentbox.testing.metrics import (  # noqa: E402
    MetricSinkSuite,
    MetricSourceSuite,
    OfferedSink,
    OfferedSource,
)
from agentbox.testing.services import PlainServices  # noqa: E402
from agentbox.testing.storage import StorageFactory, StorageSuite  # noqa: E402

__all__ = [
    "MetricSinkSuite",
    "MetricSourceSuite",
    "OfferedSink",
    "OfferedSource",
    "PlainServices",
    "StorageFactory",
    "StorageSuite",
    "pytest_runtest_makereport",
]
