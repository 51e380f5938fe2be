"""What `pg_dump` writes while a replica runs is the whole server, with its key and not without."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.deployment.load import API
from tests.deployment.replicas import settings
from tests.deployment.test_page import path_with_psql
from tests.e2e.test_process import call, sign_in
from tests.house.tree import ROOT
from tests.postgres import Postgres, absent
from tests.process import agentbox, environment, serving

DUMP = ["pg_dump", "--format=custom"]
RESTORE = ["pg_restore", "--no-owner", "--role=agentbox", "--exit-on-error"]


def test_a_restored_dump_goes_on_with_its_sessions(
    postgres: Postgres, tmp_path: Path, fresh_dsn: str
) -> None:
    page = (ROOT / "docs/deployment.md").read_text()
    assert " ".join(DUMP) in page
    assert " ".join(RESTORE) in page
    given = settings(tmp_path, fresh_dsn)
    dump = tmp_path / "agentbox.dump"
    with serving(tmp_path, env=environment(**given)) as server:
        bearer = sign_in(server.url)
        run(*DUMP, f"--file={dump}", fresh_dsn)
    with postgres.database() as elsewhere:
        run(*RESTORE, f"--dbname={elsewhere}", str(dump))
        restored = given | {"AGENTBOX_DB_DSN": elsewhere}
        with serving(tmp_path, env=environment(**restored)) as server:
            assert call(f"{server.url}{API}/auth/me", **bearer)[0] == 200

        # ST-11: of no use to whoever has the dump alone.
        other = agentbox(tmp_path, "secret", "new").stdout.strip()
        stranger = environment(**restored | {"AGENTBOX_SECRET_KEY": other})
        refused = agentbox(tmp_path, "serve", "--port", "0", env=stranger)
    assert refused.returncode == 3, refused.stderr


def run(*command: str) -> None:
    path = path_with_psql()
    if shutil.which(command[0], path=path) is None:
        absent(f"there is no {command[0]} here")
    done = subprocess.run(
        command, env=environment(PATH=path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
