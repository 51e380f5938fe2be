"""The pages' commands, word for word, against a server just started."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.backend import database_in
from tests.process import STRONG_PASSWORD, environment, serving

ROOT = Path(__file__).parents[2]


def blocks(page: str, name: str) -> list[str]:
    """The blocks of a page that bear this mark."""
    text = (ROOT / page).read_text()
    return re.findall(rf"<!-- tested: {name} -->\n```bash\n(.*?)```", text, re.DOTALL)


def run(folder: Path, url: str, parts: list[str], *, stdin: str = "", **variables: str) -> str:
    """What the commands print; only the address and the place of the command are changed."""
    script = "set -euo pipefail\n" + "\n".join(parts)
    script = script.replace("http://127.0.0.1:8080", url)
    script = script.replace(".venv/bin/agentbox", f"{sys.executable} -m agentbox")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(**variables),
        input=stdin,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_first_five_minutes_go_as_written(tmp_path: Path) -> None:
    parts = blocks("README.md", "first five minutes")
    assert len(parts) == 4
    with serving(tmp_path) as server:
        password = database_in(tmp_path).initial_password.read_text()
        told = run(tmp_path, server.url, parts, stdin=password)

    answers = [json.loads(line) for line in re.findall(r"\{.*?\}(?=\{|\n|$)", told)[:1]]
    assert answers[0]["key"].startswith("ak_live_")
    assert told.count('"method":"api_key"') == 1
    assert told.count('"method":"session"') == 1
    assert re.search(r"^401$|\}401$", told, re.MULTILINE)
    assert "Added bob" in told
    assert "bob is disabled." in told
    assert "agentbox-server" in told


def test_the_script_that_reports_goes_as_written(tmp_path: Path) -> None:
    parts = blocks("docs/reports.md", "reports")
    assert len(parts) == 2
    shutil.copy(ROOT / "docs" / "reports" / "report.py", tmp_path)
    signed_in = """
        curl -s $SERVER/api/v1/auth/login -H 'Content-Type: application/json' \\
          -d '{"username": "admin", "password": "%s"}' | field token
    """
    first, *rest = parts
    names, made = first.split("ENVIRONMENT=", 1)
    # Whatever fails, nothing that was started goes on.
    ended = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"
    start = f"{ended}\n{names}\nTOKEN=$({signed_in % STRONG_PASSWORD})\nENVIRONMENT={made}"
    with serving(tmp_path, env=environment(AGENTBOX_ADMIN_PASSWORD=STRONG_PASSWORD)) as server:
        told = run(tmp_path, server.url, [start, *rest])

    shown = json.loads(told)
    assert (shown["name"], shown["status"]) == ("box", "running")
    assert "started_at" in shown
    assert "stale" not in shown


def test_the_walk_through_access_goes_as_written(tmp_path: Path) -> None:
    """Each line that says in a comment what is answered is answered so."""
    parts = blocks("docs/access.md", "access")
    assert len(parts) == 4
    signed_in = """
        curl -s $API/auth/login -H "$JSON" \\
          -d '{"username": "admin", "password": "%s"}' | field token
    """
    first, *rest = parts
    # The page begins with a token at hand.
    names, made = first.split("# An admin makes", 1)
    start = f"{names}\nTOKEN=$({signed_in % STRONG_PASSWORD})\n#{made}"
    with serving(tmp_path, env=environment(AGENTBOX_ADMIN_PASSWORD=STRONG_PASSWORD)) as server:
        told = run(tmp_path, server.url, [start, *rest])

    assert '{"results":[{"allowed":true,"reason":"ok"},{"allowed":false,' in told
    assert '{"allowed":false,"reason":"insufficient_permission"}' in told
    assert [*re.findall(r"(insufficient_role|^4$)", told, re.MULTILINE)] == [
        "insufficient_role",
        "4",
        "insufficient_role",
    ]
