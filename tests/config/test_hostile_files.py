"""A settings file that never ends, or is none, is a fault and not a hang or a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentbox.config import read_sources

TEXTS = {
    "deep": b"a=" + b"[" * 30_000,
    "a number of thousands of digits": b"a=" + b"1" * 5000,
    "large": b"a=1\n" + b"#" * 70_000,
    "many parts": b"[" + b"a." * 20_000 + b"a]",
    "not UTF-8": b"a='\xff'",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_is_one_fault_that_names_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "agentbox.toml"
    path.write_bytes(TEXTS[name])
    faults = read_sources(path, {}).faults
    assert faults
    assert all(fault.startswith(f"{path}") for fault in faults)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "agentbox.toml"
    os.mkfifo(path)
    (fault,) = read_sources(path, {}).faults
    assert "can't be read" in fault


def test_a_device_or_a_folder_is_not_read(tmp_path: Path) -> None:
    for path in (Path("/dev/zero"), tmp_path):
        (fault,) = read_sources(path, {}).faults
        assert "can't be read" in fault
