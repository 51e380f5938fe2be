"""Which tests run on which backend: all on SQLite, and on Postgres what Postgres could change.

Left out of the pass on Postgres are the places below, which never open a database of the backend,
and tests marked `sqlite_alone` with their reason. They are counted as deselected, and named at the
end.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.backend import ON_POSTGRES

TESTS = Path(__file__).parent

NOT_AGAIN = {
    "config": "settings, before anything is opened",
    "core/logs": "how lines are written",
    "core/recognition/test_rates_on_postgres.py": "on Postgres in the pass on SQLite already",
    "e2e/workers": "processes that share a Postgres of their own already",
    "house": "rules about the code and the pages",
    "loader": "how plugins are found",
    "model": "values and pure functions",
    "plugins/access_tokens": "signatures and claims",
    "outages": "failures of a Postgres of its own already",
    "replicas": "several servers on a Postgres of their own already",
    "storage": "the contract, which names its backends itself",
    "thirdparty": "wheels in an environment of their own",
    "web": "requests and answers of a server without storage",
}

LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = Counter()
    config.addinivalue_line(
        "markers", "sqlite_alone(reason): about SQLite's own ways; does not run on Postgres"
    )


def why_not(item: pytest.Item) -> str | None:
    """Why a test does not run on Postgres; None if it does."""
    for folder, reason in NOT_AGAIN.items():
        if item.path.is_relative_to(TESTS / folder):
            return f"tests/{folder}: {reason}"
    marker = item.get_closest_marker("sqlite_alone")
    if marker is None:
        return None
    (reason,) = marker.args
    assert isinstance(reason, str)
    return f"about SQLite alone: {reason}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not ON_POSTGRES:
        return
    reasons = {item: reason for item in items if (reason := why_not(item))}
    config.stash[LEFT_OUT].update(reasons.values())
    config.hook.pytest_deselected(items=list(reasons))
    items[:] = [item for item in items if item not in reasons]


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """All workers leave out the same, so that the counts of one are those of all."""
    left_out = getattr(node, "workeroutput", {}).get("left_out", {})
    node.config.stash[LEFT_OUT] = Counter(left_out)
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and left_out:
        # For the closing line, which knows of no deselection by workers.
        reporter.stats["deselected"] = [SimpleNamespace()] * sum(left_out.values())


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for reason, number in sorted(config.stash[LEFT_OUT].items()):
        terminalreporter.write_line(f"not on Postgres: {number:5} {reason}")
