"""The folder in which processes tell each other what they count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    """The descriptor of an empty one, which is `tmp_path`."""
    opened = os.open(tmp_path, os.O_RDONLY)
    yield opened
    os.close(opened)
