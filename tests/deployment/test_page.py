"""docs/deployment.md: its first section as somebody new would follow it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.deployment.shipped import FOLDER, PORTS, free_ports
from tests.e2e.test_pages import blocks
from tests.e2e.test_process import API, call, given, sign_in
from tests.postgres import absent, find_binaries
from tests.process import environment, serving

PAGE = "docs/deployment.md"
DSN = "postgresql:///agentbox?host=/run/postgresql"


def test_the_section_that_is_tried_goes_as_written(tmp_path: Path, fresh_dsn: str) -> None:
    """Only ports, the place of the command and of the database are changed."""
    parts = blocks(PAGE, "replicas")
    assert len(parts) == 5
    script = "set -euo pipefail\n" + "\n".join(parts) + "wait\n"
    script = script.replace(".venv/bin/agentbox", f"{sys.executable} -m agentbox")
    script = script.replace(".venv/bin/pip", f"{sys.executable} -m pip --no-cache-dir")
    script = script.replace("docs/deployment", str(FOLDER))
    assert DSN in script
    script = script.replace(DSN, fresh_dsn)
    for old, new in zip(PORTS, free_ports(len(PORTS)), strict=True):
        script = script.replace(str(old), str(new))

    told = run(script, tmp_path, environment(PATH=path_with_psql()))

    assert re.findall(r"^[0-9]{3}$", told, re.MULTILINE) == ["200"] * 3 + ["401"] * 3
    assert '"method":"session"' in told
    held, moved = re.findall(r"^ nap-long +\| +(\d+) \| +(20.+)$", told, re.MULTILINE)
    assert int(moved[0]) > int(held[0])
    assert moved[1] > held[1]
    stopped = [path.read_text().count('"event":"stopped"') for path in tmp_path.glob("*.log")]
    assert sorted(stopped) == [0, 1, 1]


def test_a_sqlite_database_is_copied_over_and_old_passwords_sign_in(
    tmp_path: Path, fresh_dsn: str
) -> None:
    while_running, stopped = blocks(PAGE, "copy")
    assert DSN in while_running
    script = f"set -euo pipefail\n{while_running}\n"
    script = script.replace(DSN, fresh_dsn)
    copying = script.replace(".venv/bin/agentbox", f"{sys.executable} -m agentbox")
    last = stopped.replace(".venv/bin/agentbox", f"{sys.executable} -m agentbox")
    with serving(tmp_path, env=given()) as before:
        bearer = sign_in(before.url)
        run(copying, tmp_path, environment())
        made = call(f"{before.url}{API}/users", "POST", {"username": "late"}, **bearer)
        assert made[0] == 201
        assert before.stop() == 0

    told = run(f"{copying}{last}\necho $AGENTBOX_SECRET_KEY > secret\n", tmp_path, environment())

    assert "late" in told
    secret = (tmp_path / "secret").read_text().strip()
    moved = environment(AGENTBOX_DB_DSN=fresh_dsn, AGENTBOX_SECRET_KEY=secret)
    with serving(tmp_path, env=moved) as after:
        assert call(f"{after.url}{API}/auth/me", **bearer)[0] == 200
        sign_in(after.url)


def run(script: str, folder: Path, variables: Mapping[str, str]) -> str:
    """What the script prints; nothing that it started is left behind."""
    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told, complaints = process.communicate(timeout=90)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, told + complaints
    return told


def path_with_psql() -> str:
    """Where commands are looked for, psql among them."""
    binaries = find_binaries()
    path = os.pathsep.join([os.environ["PATH"], *([str(binaries)] if binaries else [])])
    if shutil.which("psql", path=path) is None:
        absent("there is no psql here")
    return path
