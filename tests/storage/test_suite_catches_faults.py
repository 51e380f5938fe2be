"""The suite is worth something: each group fails a storage that breaks what the group is about."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentbox.testing import StorageSuite
from agentbox.testing.storage import GROUPS
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty import FAULTS

PYTEST = (sys.executable, "-m", "pytest", "-q", "--tb=line", "-rA")
PLUGINS = ("-p", "agentbox.testing", "-p", "no:cacheprovider", "-p", "no:xdist")

MODULE = """
class Test{fault}({group}):
    @pytest.fixture
    def factory(self, tmp_path):
        return sqlite_factory(tmp_path / "agentbox.db", {fault})
"""

HEAD = """
import pytest
from agentbox.testing.storage import {groups}
from tests.storage.database import sqlite_factory
{faults}
"""


SKIPPING = """
import pytest
from agentbox.testing import StorageSuite

class TestSkipping(StorageSuite):
    @pytest.fixture
    def factory(self):
        pytest.skip("no database here")
"""


def test_every_group_has_a_fault_that_it_must_notice() -> None:
    assert {group for group, _ in FAULTS.values()} == set(GROUPS)


def test_the_suite_is_made_of_all_groups() -> None:
    assert StorageSuite.__bases__ == GROUPS


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of all faulty storages, run once."""
    module = HEAD.format(
        groups=", ".join(group.__name__ for group in GROUPS),
        faults="\n".join(f"from {fault.__module__} import {fault.__name__}" for fault in FAULTS),
    )
    for fault, (group, _) in FAULTS.items():
        module += MODULE.format(fault=fault.__name__, group=group.__name__)
    return run(tmp_path_factory.mktemp("faults"), module, *_chosen())


def _chosen() -> list[str]:
    return [
        f"test_generated.py::Test{fault.__name__}::{test}" for fault, (_, test) in FAULTS.items()
    ]


def run(folder: Path, module: str, *options: str) -> str:
    """The output of pytest over one generated module."""
    (folder / "test_generated.py").write_text(module)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    done = subprocess.run(
        [*PYTEST, *PLUGINS, *options], cwd=folder, capture_output=True, text=True, timeout=300
    )
    return done.stdout


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_suite_fails_a_storage_that(fault: type[SqliteStorage], report: str) -> None:
    test = FAULTS[fault][1]

    assert re.search(rf"^FAILED \S+::Test{fault.__name__}::{test}\b", report, re.MULTILINE), report
    assert not re.search(rf"^ERROR \S+::Test{fault.__name__}::", report, re.MULTILINE)


def test_a_suite_that_is_skipped_has_failed(tmp_path: Path) -> None:
    report = run(tmp_path, SKIPPING, "-x")

    assert "a backend passes all of the suite or none" in report
    assert "skipped" not in report.splitlines()[-1]


def test_a_suite_without_a_factory_fails(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        "from agentbox.testing import StorageSuite\nclass TestBare(StorageSuite): pass\n",
        "-x",
    )

    assert "overrides the fixture `factory`" in report
    assert "passed" not in report.splitlines()[-1]


def test_a_test_of_the_suite_can_t_be_replaced() -> None:
    with pytest.raises(TypeError, match="test_an_open_database_answers"):

        class TestLenient(StorageSuite):
            async def test_an_open_database_answers(self) -> None:  # type: ignore[override]
                """Says yes to everything."""
