"""For all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest

pytest_plugins = [
    "agentbox.testing",
    "tests.postgres",
    "tests.backend",
    "tests.passes",
    "tests.together",
    "tests.schema_texts",
]

if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Under nohup. Servers that tests start must not inherit it: they are told to renew their
    # workers by this signal. A handler of ours is not passed on.
    signal.signal(signal.SIGHUP, lambda *_: None)

# In CI a skip is a failure, unless it stands here with its reason.
REASONED_SKIPS: dict[str, str] = {}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped a test without a reason that is written down."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    skipped = [report.nodeid for report in reporter.stats.get("skipped", [])]
    if unexpected := [nodeid for nodeid in skipped if nodeid not in REASONED_SKIPS]:
        reporter.write_line(f"In CI nothing may be skipped: {', '.join(unexpected)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that passes, and whose server has printed a secret meanwhile, has failed (OB-01)."""
    # Not above: pytest rewrites the assertions of the plugins named there when it imports them.
    from tests.canaries import found_in

    report = yield
    shown = sorted(set(found_in(report.capstdout + report.capstderr + report.caplog)))
    if report.passed and shown:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} printed {', '.join(shown)}"
    return report
