"""Tests that share something dear run in one process, so that it is made once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.together import SHARED, scope_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", [path for paths in SHARED.values() for path in paths])
def test_what_shares_something_is_there(path: str) -> None:
    assert (ROOT / path).is_dir() == path.endswith("/")
    assert (ROOT / path).exists()


def test_tests_of_one_scope_are_those_of_its_files_and_folders() -> None:
    assert scope_of("tests/replicas/test_races.py::test_a[x::y/z]") == "three replicas"
    assert scope_of("tests/deployment/test_page.py::test_b") == "a deployment"
    alone = "tests/replicas/test_upgrade.py::test_c[tests/deployment/]"
    assert scope_of(alone) == alone


def test_they_are_given_out_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-v", "-k", "one_scope", __file__],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout
    assert "scheduling tests via Together" in done.stdout
