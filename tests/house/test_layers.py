"""Who may import whom; the contracts stand in pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

CONTRACTS = [
    "layers",
    "plugins-apart",
    "front-door",
    "no-favourites",
    "aiohttp-home",
    "pluggy-home",
    "click-home",
    "structlog-home",
    "aiosqlite-home",
    "password-home",
    "jwt-home",
    "yoyo-home",
]


FOR_TYPING = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import agentbox.plugin"


def lint(*arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command as lint; lint()"
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "plugins")])}
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo", *arguments],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_import_keeps_the_contracts() -> None:
    result = lint()

    assert result.returncode == 0, result.stdout + result.stderr


def test_no_contract_has_been_taken_out() -> None:
    text = (ROOT / "pyproject.toml").read_text()

    assert [name for name in CONTRACTS if f'id = "{name}"' not in text] == []


@pytest.mark.parametrize(
    ("place", "statement", "broken"),
    [
        ("agentbox/core/rogue.py", "import aiohttp", "aiohttp in web and cli alone BROKEN"),
        ("agentbox/model/rogue.py", "import agentbox.plugin", "Layers BROKEN"),
        ("agentbox/model/rogue.py", FOR_TYPING, "Layers BROKEN"),
        ("agentbox/rogue/__init__.py", "", "Layers"),
        ("agentbox/core/rogue.py", "import agentbox_jwt", "agentbox imports no plugin BROKEN"),
        ("plugins/agentbox_jwt/rogue.py", "import agentbox_sqlite", "each other BROKEN"),
        ("plugins/agentbox_jwt/rogue.py", "import agentbox.core", "front door BROKEN"),
        ("plugins/agentbox_jwt/rogue.py", "import yoyo", "yoyo in agentbox.plugin.mig"),
    ],
)
def test_the_contracts_see_an_import_that_breaks_them(
    tmp_path: Path, place: str, statement: str, broken: str
) -> None:
    for folder in ("agentbox", "plugins"):
        subprocess.run(["cp", "-r", ROOT / folder, tmp_path], check=True)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(statement + "\n")

    result = lint(root=tmp_path)

    assert result.returncode != 0
    assert broken in result.stdout
