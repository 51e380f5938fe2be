"""Which tests run on which backend: all on SQLite, and on Postgres what Postgres could change.

Left out of the pass on Postgres are the places below, which never open a database of the backend,
and tests marked `sqlite_alone` with their reason. Of tests over HTTP each runs in one of the two
passes, chosen by its name, one in four on Postgres, so that both are over soon; at a larger scale
all run in both. All that is left out is counted as deselected, and named at the end.
"""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.backend import ON_POSTGRES
from tests.postgres import majors
from tests.scale import SCALE

TESTS = Path(__file__).parent

NOT_AGAIN = {
    "cli": "lines of text",
    "config": "settings, before anything is opened",
    "core/logs": "how lines are written",
    "core/recognition/test_rates_on_postgres.py": "on Postgres in the pass on SQLite already",
    "deployment": "replicas on a Postgres of their own already",
    "e2e/operation/test_doctor.py": "the tests' own Postgres has fsync off, which doctor tells",
    "e2e/storage/test_backups.py": "backups of SQLite; Postgres has tools of its own",
    "e2e/storage/test_moving.py": "from SQLite to a Postgres of its own and back already",
    "e2e/storage/test_storage_page.py": "from SQLite to a Postgres of its own and back already",
    "e2e/workers": "processes that share a Postgres of their own already",
    "house": "rules about the code and the pages",
    "loader": "how plugins are found",
    "model": "values and pure functions",
    "plugins/access_tokens": "signatures and claims",
    "plugins/passwords": "hashes, and estimates; each is one text to the database",
    "plugins/sinks": "what is sent elsewhere, without a database",
    "openid": "what providers answer; what becomes of it in the database, core/identities tries",
    "outages": "failures of a Postgres of its own already",
    "real_provider": "a provider and a browser of others; core/identities tries the database",
    "replicas": "several servers on a Postgres of their own already",
    "storage": "the contract, which names its backends itself",
    "testing": "suites for authors, on plugins without a database",
    "thirdparty": "wheels in an environment of their own",
    "web": "requests and answers of a server without storage",
}

SHARED = "e2e"
"""Thousands of requests, every one answered by the same code but for its statements."""

ON_POSTGRES_ONE_IN = 4
"""Of those, at scale 1: a database of one's own takes longer there."""

IN_BOTH = ("e2e/both", "e2e/workers")
"""What compares the two, or brings a Postgres of its own."""

SUITE = "storage/test_suite_on_postgres.py"

LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = Counter()
    config.addinivalue_line(
        "markers", "sqlite_alone(reason): about SQLite's own ways; does not run on Postgres"
    )


def why_not(item: pytest.Item) -> str | None:
    """Why a test does not run in this pass; None if it does."""
    for_one = _why_not_on_postgres(item)
    if _is_shared(item) and not for_one and _is_chosen_for_postgres(item) != ON_POSTGRES:
        return "tests over HTTP that run in the other pass, and at a larger scale in both"
    if _is_of_another_version(item):
        return "the suite on one of the versions of Postgres, at a larger scale on all"
    return for_one if ON_POSTGRES else None


def _is_chosen_for_postgres(item: pytest.Item) -> bool:
    return zlib.crc32(item.nodeid.encode()) % ON_POSTGRES_ONE_IN == 0


def _is_of_another_version(item: pytest.Item) -> bool:
    if SCALE > 1 or not _is_in(item, SUITE) or not isinstance(item, pytest.Function):
        return False
    versions = list(majors())
    chosen = zlib.crc32(item.originalname.encode()) % max(len(versions), 1)
    return len(versions) > 1 and item.callspec.params["server"] != versions[chosen]


def _is_shared(item: pytest.Item) -> bool:
    apart = any(_is_in(item, folder) for folder in IN_BOTH)
    return SCALE == 1 and _is_in(item, SHARED) and not apart


def _why_not_on_postgres(item: pytest.Item) -> str | None:
    for folder, reason in NOT_AGAIN.items():
        if _is_in(item, folder):
            return f"tests/{folder}: {reason}"
    marker = item.get_closest_marker("sqlite_alone")
    if marker is None:
        return None
    (reason,) = marker.args
    assert isinstance(reason, str)
    return f"about SQLite alone: {reason}"


def _is_in(item: pytest.Item, folder: str) -> bool:
    return item.path.is_relative_to(TESTS / folder)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
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
        terminalreporter.write_line(f"not in this pass: {number:5} {reason}")
