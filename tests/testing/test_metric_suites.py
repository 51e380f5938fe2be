"""The suites for metrics are worth something: what keeps the contract passes, all else does not."""

from __future__ import annotations

import asyncio
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentbox.testing import (
    MetricSinkSuite,
    MetricSourceSuite,
    OfferedSink,
    OfferedSource,
    PlainServices,
)
from agentbox.testing.metrics import offered
from tests.testing.faulty import SINK_FAULTS, SOURCE_FAULTS, Good, Takes, sink_type, source_type

PYTEST = (sys.executable, "-m", "pytest", "-q", "--tb=line", "-rA")
PLUGINS = ("-p", "agentbox.testing", "-p", "no:cacheprovider", "-p", "no:xdist")


HEAD = """
import pytest
from agentbox.testing import *
from tests.testing import faulty
"""

SOURCE = """
class Test{fault}(MetricSourceSuite):
    @pytest.fixture
    def offered(self):
        return OfferedSource(plugin="acme", type=faulty.source_type(faulty.{fault}))
"""

SINK = """
class Test{fault}(MetricSinkSuite):
    @pytest.fixture
    def offered(self):
        return OfferedSink(
            type=faulty.sink_type(faulty.{fault}),
            unreachable=lambda: PlainServices("unreachable"),
        )
"""


class TestASourceThatKeepsItsPromises(MetricSourceSuite):
    """Passes."""

    @pytest.fixture
    def offered(self) -> OfferedSource:
        return OfferedSource(plugin="acme", type=source_type(Good))


class TestASinkThatKeepsItsPromises(MetricSinkSuite):
    """Passes."""

    @pytest.fixture
    def offered(self) -> OfferedSink:
        return OfferedSink(type=sink_type(Takes), unreachable=lambda: PlainServices("unreachable"))


def run(folder: Path, module: str, *options: str) -> str:
    """The output of pytest over one generated module."""
    (folder / "test_generated.py").write_text(HEAD + module)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    done = subprocess.run(
        [*PYTEST, *PLUGINS, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    return done.stdout


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of all faulty sources and sinks, run once."""
    module = "".join(SOURCE.format(fault=fault.__name__) for fault in SOURCE_FAULTS)
    module += "".join(SINK.format(fault=fault.__name__) for fault in SINK_FAULTS)
    chosen = [
        f"test_generated.py::Test{fault.__name__}::{test}"
        for fault, test in (*SOURCE_FAULTS.items(), *SINK_FAULTS.items())
    ]
    return run(tmp_path_factory.mktemp("faults"), module, *chosen)


@pytest.mark.parametrize(
    ("fault", "test"),
    [*SOURCE_FAULTS.items(), *SINK_FAULTS.items()],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_suite_fails_one_that(fault: type, test: str, report: str) -> None:
    assert re.search(rf"^FAILED \S+::Test{fault.__name__}::{test}\b", report, re.MULTILINE), report
    assert not re.search(rf"^ERROR \S+::Test{fault.__name__}::", report, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [
        "the start would stop: The metric source 'acme' of plugin 'acme' measures 'load'",
        "has str among its types. Give MetricType.",
        "which is measured already",
        "has of_process='yes'. Give True or False.",
        "its types change",
        "1 samples are refused: its type was not declared",
        "1 samples are refused: acme_load is no finite number",
        "1 samples are refused: acme_hits counts and is negative",
        "1 samples are refused: there are two of one series",
        "1 samples are refused: acme_load is of no environment",
        "1 samples are refused: acme_size is of something that is no environment's id",
        "1 samples are refused: dict is no Sample",
        "RuntimeError: one at a time",
        "generator is no sequence of samples",
        "nothing was measured in 3 ticks",
        "collect held the loop for 0.3",
        "collect goes on although it was cancelled",
        "ValueError: unexpected batch",
        "deliver held the loop for",
        "deliver goes on although it was cancelled",
        "RuntimeError: the port is taken",
        "DID NOT RAISE",
    ],
)
def test_a_suite_says_what_is_wrong(words: str, report: str) -> None:
    assert words in report


async def test_what_takes_longer_than_a_server_waits_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offered, "PATIENCE", 0.05)
    with pytest.raises(AssertionError, match=r"deliver took longer than 0\.05 s"):
        await offered.in_time(asyncio.Event().wait(), "deliver")


@pytest.mark.parametrize(
    ("suite", "faults"), [(MetricSourceSuite, SOURCE_FAULTS), (MetricSinkSuite, SINK_FAULTS)]
)
def test_every_test_of_a_suite_has_a_fault_that_it_must_notice(suite: type, faults: dict) -> None:
    tests = {name for name, _ in inspect.getmembers(suite) if name.startswith("test_")}

    assert tests == set(faults.values())


@pytest.mark.parametrize("suite", ["MetricSourceSuite", "MetricSinkSuite"])
def test_a_suite_that_is_skipped_or_offered_nothing_has_failed(suite: str, tmp_path: Path) -> None:
    skipping = f"""
class TestSkipping({suite}):
    @pytest.fixture
    def offered(self):
        pytest.skip("nothing here")

class TestBare({suite}):
    pass
"""
    report = run(tmp_path, skipping)

    assert "a plugin passes all of the suite or none" in report
    assert "overrides the fixture `offered`" in report
    assert not re.search("passed|skipped", report.splitlines()[-1])


def test_a_test_of_a_suite_can_t_be_replaced() -> None:
    with pytest.raises(TypeError, match="test_it_gives_a_sequence"):

        class TestLenient(MetricSourceSuite):
            async def test_it_gives_a_sequence(self) -> None:  # type: ignore[override]
                """Says yes to everything."""
