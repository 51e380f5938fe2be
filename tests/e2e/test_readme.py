"""The README's first five minutes, word for word, against a server just started."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.process import environment, serving

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"<!-- tested: first five minutes -->\n```bash\n(.*?)```", re.DOTALL)


def test_the_first_five_minutes_go_as_written(tmp_path: Path) -> None:
    blocks = BLOCK.findall(README.read_text())
    assert len(blocks) == 4
    with serving(tmp_path) as server:
        password = (tmp_path / "agentbox.db.initial-password").read_text()
        # Only the address and the place of the command are this test's own.
        script = "set -euo pipefail\n" + "\n".join(blocks)
        script = script.replace("http://127.0.0.1:8080", server.url)
        script = script.replace(".venv/bin/agentbox", f"{sys.executable} -m agentbox")
        result = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment(),
            input=password,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 0, result.stderr
    answers = [json.loads(line) for line in re.findall(r"\{.*?\}(?=\{|\n|$)", result.stdout)[:1]]
    assert answers[0]["key"].startswith("ak_live_")
    assert result.stdout.count('"method":"api_key"') == 1
    assert result.stdout.count('"method":"session"') == 1
    assert re.search(r"^401$|\}401$", result.stdout, re.MULTILINE)
    assert "Added bob" in result.stdout
    assert "bob is disabled." in result.stdout
    assert "agentbox-server" in result.stdout
