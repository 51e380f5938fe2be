"""`agentbox storage backup` and `restore`, with a real server before and after."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_process import API, call, given, sign_in, wait_until
from tests.process import STRONG_PASSWORD, agentbox, environment, serving

STRICT = {"AGENTBOX_TOKENS__REFRESH_GRACE": "0"}
REFUSED = 1
CAN_T_START = 3


def storage(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return agentbox(folder, "storage", *arguments, env=environment(**env))


def run(folder: Path, *arguments: str, **env: str) -> str:
    """What a command that works says, on standard error."""
    done = storage(folder, *arguments, **env)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


def login(url: str) -> dict[str, Any]:
    body = {"username": "admin", "password": STRONG_PASSWORD}
    status, answer = call(f"{url}{API}/auth/login", "POST", body)
    assert status == 200, answer
    return answer


def refresh(url: str, token: str) -> tuple[int, dict[str, Any]]:
    return call(f"{url}{API}/auth/refresh", "POST", {"refresh_token": token})


def me(url: str, token: str) -> int:
    return call(f"{url}{API}/auth/me", Authorization=f"Bearer {token}")[0]


def make_key(url: str, token: str) -> dict[str, Any]:
    status, made = call(f"{url}{API}/api-keys", "POST", {}, Authorization=f"Bearer {token}")
    assert status == 201, made
    return made


def end(url: str, method: str, path: str, token: str) -> None:
    assert call(f"{url}{API}/{path}", method, Authorization=f"Bearer {token}")[0] in {200, 204}


@contextmanager
def writing(url: str, token: str) -> Iterator[list[str]]:
    """Makes keys all the while; those that were answered."""
    made: list[str] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            made.append(make_key(url, token)["key"])

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        wait_until(lambda: len(made) > 3, "nothing is written")
        yield made
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_a_restored_server_knows_what_it_knew_and_nothing_it_did_not(tmp_path: Path) -> None:
    # ST-11
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with serving(tmp_path, env=given(**STRICT)) as server:
        kept, ended, going_on = (login(server.url) for _ in range(3))
        old, revoked = (make_key(server.url, kept["token"]) for _ in range(2))
        end(server.url, "DELETE", f"api-keys/{revoked['id']}", kept["token"])
        end(server.url, "POST", "auth/logout", ended["token"])
        _, spent = refresh(server.url, going_on["refresh_token"])
        with writing(server.url, kept["token"]) as written:
            before = list(written)
            run(tmp_path, "backup", "elsewhere/b.db", "--with-key")
        _, late = refresh(server.url, spent["refresh_token"])
        assert late["refresh_token"]

    run(elsewhere, "restore", "b.db", "--with-key", "--yes")

    with serving(elsewhere, env=environment(**STRICT)) as server:
        assert me(server.url, kept["token"]) == 200
        assert me(server.url, login(server.url)["token"]) == 200
        assert {me(server.url, key) for key in (old["key"], *before)} == {200}
        assert me(server.url, revoked["key"]) == 401
        assert me(server.url, ended["token"]) == 401
        assert refresh(server.url, ended["refresh_token"])[1]["error"] == "invalid_grant"
        # A generation that the backup does not know, and a good MAC: reuse, which ends the family.
        assert me(server.url, spent["token"]) == 200
        assert refresh(server.url, late["refresh_token"])[1]["error"] == "invalid_grant"
        assert me(server.url, spent["token"]) == 401
        assert refresh(server.url, spent["refresh_token"])[1]["error"] == "invalid_grant"
        assert refresh(server.url, kept["refresh_token"])[0] == 200
        verdict = agentbox(elsewhere, "audit", "verify", "--json", env=environment())
        assert json.loads(verdict.stdout)["whole"]
        listed = agentbox(elsewhere, "audit", "list", "--event", "storage.restore", "--json")
        (row,) = json.loads(listed.stdout)["events"]
        assert (row["actor"], row["details"]) == ("operator", {"backup": "b.db"})


def test_all_files_are_the_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    # ST-11
    script = "umask 000; agentbox user list >out; agentbox storage backup b.db --with-key; rm out"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        ["sh", "-euc", f"{script}; agentbox storage restore b.db --with-key --yes"],
        cwd=tmp_path,
        env=given(PATH=path),
        check=True,
        capture_output=True,
        timeout=60,
    )

    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert {"agentbox.db", "agentbox.db.key", "b.db", "b.db.key"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_restoring_is_refused_while_a_server_runs(tmp_path: Path) -> None:
    # ST-11
    with serving(tmp_path, env=given()) as server:
        bearer = sign_in(server.url)
        run(tmp_path, "backup", "b.db")
        refused = storage(tmp_path, "restore", "b.db", "--yes")
        assert refused.returncode == REFUSED
        assert "is in use; stop the server" in refused.stderr
        assert call(f"{server.url}{API}/auth/me", **bearer)[0] == 200
        server.stop(signal.SIGKILL)
    said = run(tmp_path, "restore", "b.db", "--yes")
    assert "agentbox.db.replaced-" in said
    with serving(tmp_path, env=environment()) as server:
        assert call(f"{server.url}{API}/auth/me", **bearer)[0] == 200


def test_it_asks_before_it_replaces(tmp_path: Path) -> None:
    assert agentbox(tmp_path, "user", "list", env=given()).returncode == 0
    run(tmp_path, "backup", "b.db")

    answered = agentbox(tmp_path, "storage", "restore", "b.db", stdin="n\n", env=environment())

    assert answered.returncode == 1
    assert list(tmp_path.glob("*replaced*")) == []


def test_a_backup_says_what_to_keep_with_it(tmp_path: Path) -> None:
    secret = agentbox(tmp_path, "secret", "new").stdout.strip()
    (tmp_path / "configured").mkdir()
    assert agentbox(tmp_path, "user", "list", env=given()).returncode == 0
    configured = given(AGENTBOX_SECRET_KEY=secret)
    assert agentbox(tmp_path / "configured", "user", "list", env=configured).returncode == 0

    assert "Keep " in (said := run(tmp_path, "backup", "b.db"))
    assert "agentbox.db.key too" in said
    said = run(tmp_path / "configured", "backup", "b.db", AGENTBOX_SECRET_KEY=secret)
    assert "Keep AGENTBOX_SECRET_KEY too" in said
    assert secret not in said
    refused = storage(
        tmp_path / "configured", "backup", "c.db", "--with-key", AGENTBOX_SECRET_KEY=secret
    )
    assert refused.returncode == REFUSED
    assert "There is no key file" in refused.stderr
    assert not (tmp_path / "configured" / "c.db").exists()


@pytest.mark.parametrize("there", ["b.db", "b.db.key"])
def test_neither_file_is_overwritten_unless_told(tmp_path: Path, there: str) -> None:
    assert agentbox(tmp_path, "user", "list", env=given()).returncode == 0
    (tmp_path / there).write_text("precious")

    refused = storage(tmp_path, "backup", "b.db", "--with-key")

    assert refused.returncode == REFUSED
    assert f"{there} is there already" in refused.stderr
    assert (tmp_path / there).read_text() == "precious"
    assert len(list(tmp_path.glob("b.db*"))) == 1
    run(tmp_path, "backup", "b.db", "--with-key", "--force")
    key = (tmp_path / "agentbox.db.key").read_bytes()
    assert (tmp_path / "b.db.key").read_bytes() == key


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of another deployment, without its key, which is under another name."""
    (tmp_path / "other").mkdir()
    assert agentbox(tmp_path / "other", "user", "list", env=given()).returncode == 0
    run(tmp_path / "other", "backup", "../b.db")
    (tmp_path / "other" / "agentbox.db.key").rename(tmp_path / "away")
    return tmp_path / "b.db"


def test_a_backup_is_refused_without_its_key(tmp_path: Path, backup: Path) -> None:
    refused = storage(tmp_path, "restore", backup.name, "--yes")

    assert refused.returncode == REFUSED
    assert "agentbox.db.key is missing" in refused.stderr
    assert not (tmp_path / "agentbox.db").exists()
    (tmp_path / "away").rename(tmp_path / "b.db.key")
    run(tmp_path, "restore", backup.name, "--yes", "--with-key")
    assert agentbox(tmp_path, "doctor", env=environment()).returncode == 0


def test_a_backup_with_another_key_is_refused_and_the_old_key_is_kept(
    tmp_path: Path, backup: Path
) -> None:
    assert agentbox(tmp_path, "user", "list", env=given()).returncode == 0
    own = (tmp_path / "agentbox.db.key").read_bytes()

    refused = storage(tmp_path, "restore", backup.name, "--yes")

    assert refused.returncode == REFUSED
    assert "can't be opened" in refused.stderr
    assert list(tmp_path.glob("*replaced*")) == []
    (tmp_path / "away").rename(tmp_path / "b.db.key")
    run(tmp_path, "restore", backup.name, "--yes", "--with-key")
    (kept,) = tmp_path.glob("agentbox.db.key.replaced-*")
    assert kept.read_bytes() == own
    assert kept.stat().st_mode & 0o777 == 0o600
    assert agentbox(tmp_path, "user", "list", env=environment()).returncode == 0


def test_what_is_sealed_is_refused_in_another_row(tmp_path: Path) -> None:
    # ST-11: two signing keys whose private halves have changed places
    with serving(tmp_path, env=given()) as server:
        assert me(server.url, login(server.url)["token"]) == 200
        assert agentbox(tmp_path, "keys", "rotate", env=environment()).returncode == 0
    with closing(sqlite3.connect(tmp_path / "agentbox.db")) as connection, connection:
        (one, first), (two, second) = connection.execute(
            "SELECT id, sealed_private_key FROM signing_keys"
        )
        swap = "UPDATE signing_keys SET sealed_private_key = ? WHERE id = ?"
        connection.executemany(swap, [(second, one), (first, two)])

    started = agentbox(tmp_path, "serve", "--port", "0", env=environment())

    assert started.returncode == CAN_T_START
    assert "signing_keys:private_key:" in started.stderr
    assert "can't be opened" in started.stderr
