"""The sink and the source of docs/plugins/metrics.md: built, installed, run by a server."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.thirdparty.conftest import START_LIMIT, Installation

HERE = ROOT / "tests" / "thirdparty"
PAGE = (ROOT / "docs" / "plugins" / "metrics.md").read_text()
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.M)
SETTINGS = [line.removeprefix("export ") for line in COMMANDS if line.startswith("export ")]
(SERVE,) = (line for line in COMMANDS if line.startswith("agentbox serve"))


def settings() -> dict[str, str]:
    """What the page exports."""
    named = (shlex.split(line)[0].partition("=") for line in SETTINGS)
    return {name: value for name, _, value in named}


@pytest.fixture(scope="module")
def samples(installation: Installation) -> Iterator[list[list[str]]]:
    """What the sink has written of some ticks of a server, as the page starts it."""
    folder = installation.folder / "metrics"
    folder.mkdir()
    spool = folder / settings()["AGENTBOX_PLUGINS__SPOOL__FOLDER"]
    spool.mkdir()
    for name in ("a", "b", "c"):
        (spool / name).touch()
    file = folder / settings()["AGENTBOX_PLUGINS__CSV__PATH"]
    log = folder / "log"
    environment = installation.environment() | settings()
    environment |= {"AGENTBOX_METRICS_COLLECTION_INTERVAL": "5s"}
    with log.open("w") as lines:
        process = subprocess.Popen(
            [installation.bin / "agentbox", *SERVE.split()[1:], "--port", "0"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=lines,
        )
    try:
        deadline = time.monotonic() + START_LIMIT
        while not file.exists() or len(_ticks(_read(file), "spool_files")) < 2:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(timeout=30)
    return _read(file)


def _read(file: Path) -> list[list[str]]:
    return [line.split(",") for line in file.read_text().splitlines()]


def _ticks(samples: list[list[str]], kind: str) -> list[str]:
    return [at for at, name, _, _ in samples if name == kind]


def test_the_sink_is_written_in_about_twenty_lines() -> None:
    text = (HERE / "agentbox-csv" / "agentbox_csv.py").read_text()
    lines = [line for line in text.splitlines() if line.strip()]

    assert len(lines) <= 25


def test_what_agentbox_measures_arrives_in_the_sink(samples: list[list[str]]) -> None:
    users = [value for _, name, _, value in samples if name == "users"]

    assert users
    assert {float(value) for value in users} == {1.0}
    assert _ticks(samples, "process_memory")


def test_what_the_source_measures_arrives_once_a_tick(samples: list[list[str]]) -> None:
    found = [(at, value) for at, name, _, value in samples if name == "spool_files"]

    assert {float(value) for _, value in found} == {3.0}
    assert len({at for at, _ in found}) == len(found)
    assert all(at.endswith(("0+00:00", "5+00:00")) for at, _ in found)


@pytest.mark.parametrize("name", ["agentbox-csv", "agentbox-spool"])
def test_the_tests_of_the_authors_pass(name: str, installation: Installation) -> None:
    run = [installation.bin / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*run, "-c", HERE / name / "pyproject.toml", HERE / name / "tests"],
        cwd=installation.folder,
        env=installation.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
