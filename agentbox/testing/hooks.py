"""What the suites need of pytest."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from agentbox.testing.metrics.suite import MetricSuite
from agentbox.testing.storage import StorageSuite

SUITES = (StorageSuite, MetricSuite)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """A test of a suite that is skipped, or expected to fail, has failed: it proves nothing."""
    outcome = yield
    report = outcome.get_result()
    cls = getattr(item, "cls", None)
    if report.skipped and cls is not None and issubclass(cls, SUITES):
        report.outcome = "failed"
        what = "backend" if issubclass(cls, StorageSuite) else "plugin"
        report.longrepr = f"{item.nodeid} was skipped; a {what} passes all of the suite or none."
