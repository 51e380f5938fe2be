"""docs/operations.md: its commands run as they stand there, beside a server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_process import given, sign_in
from tests.house.tree import ROOT
from tests.process import agentbox, environment, serving

pytestmark = pytest.mark.sqlite_alone("the page backs up a file")

PAGE = (ROOT / "docs/operations.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def shell(folder: Path, script: str) -> str:
    """What a script prints; it must succeed, and `agentbox` is the one that is tested."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_of_the_page_works_beside_a_server(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with serving(tmp_path, env=given()) as server:
        sign_in(server.url)
        for script in COMMANDS:
            shell(tmp_path, script)
        listed = json.loads(agentbox(tmp_path, "keys", "list", "--json").stdout)["keys"]
        assert [key["state"] for key in listed] == ["retired", "retired", "signing"]
