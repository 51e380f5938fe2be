"""Building wheels without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def build_wheel(source: Path, into: Path) -> Path:
    """Build the distribution in `source` with the hatchling that is installed; the wheel's path."""
    into.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = into.glob("*.whl")
    return wheel
