"""Commands beside a running server, which notices within a second."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backend import database_in
from tests.e2e.test_process import API, call, given, sign_in
from tests.process import STRONG_PASSWORD, ServerProcess, agentbox, environment, serving

OTHER_PASSWORD = "copper-lantern-orbit-28"
NOTICED_WITHIN = 1.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with serving(tmp_path, env=given()) as running:
        yield running


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where somebody has started once; refusals leave it as it is."""
    folder = tmp_path_factory.mktemp("refusing")
    run(folder, "user", "list")
    return folder


def run(folder: Path, *arguments: str, stdin: str = "") -> str:
    """A command that must succeed; what it printed."""
    result = agentbox(folder, *arguments, stdin=stdin)
    assert result.returncode == 0, result.stderr
    return result.stdout


def add_user(folder: Path, name: str) -> dict[str, Any]:
    text = run(folder, "user", "add", name, "--password-stdin", "--json", stdin=OTHER_PASSWORD)
    return dict(json.loads(text))


def statuses_until(url: str, wanted: int, **headers: str) -> float:
    """Seconds until /auth/me answers `wanted`."""
    began = time.monotonic()
    while (status := call(f"{url}{API}/auth/me", **headers)[0]) != wanted:
        assert time.monotonic() - began < 10, status
        time.sleep(0.01)
    return time.monotonic() - began


def bearer_of(url: str, name: str) -> dict[str, str]:
    credentials = {"username": name, "password": OTHER_PASSWORD}
    status, body = call(f"{url}{API}/auth/login", "POST", credentials)
    assert status == 200, body
    return {"Authorization": f"Bearer {body['token']}"}


def test_a_user_disabled_by_command_is_out_within_a_second(
    tmp_path: Path, server: ServerProcess
) -> None:
    add_user(tmp_path, "bob")
    bearer = bearer_of(server.url, "bob")
    assert call(f"{server.url}{API}/auth/me", **bearer)[0] == 200
    run(tmp_path, "user", "disable", "bob")
    assert statuses_until(server.url, 401, **bearer) < NOTICED_WITHIN
    run(tmp_path, "user", "enable", "bob")
    assert call(f"{server.url}{API}/auth/me", **bearer)[0] == 401  # its sessions ended for good
    bearer_of(server.url, "bob")


def test_a_key_made_by_command_works_and_one_revoked_by_command_is_out_within_a_second(
    tmp_path: Path, server: ServerProcess
) -> None:
    add_user(tmp_path, "bob")
    made = json.loads(run(tmp_path, "key", "create", "bob", "--name", "ci", "--json"))
    header = {"X-API-Key": made["key"]}
    assert call(f"{server.url}{API}/auth/me", **header)[0] == 200
    listed = json.loads(run(tmp_path, "key", "list", "--user", "bob", "--json"))
    assert [key["id"] for key in listed["api_keys"]] == [made["api_key"]["id"]]
    assert made["key"] not in json.dumps(listed)
    run(tmp_path, "key", "revoke", made["api_key"]["id"])
    assert statuses_until(server.url, 401, **header) < NOTICED_WITHIN


def test_a_role_given_by_command_counts_within_a_second(
    tmp_path: Path, server: ServerProcess
) -> None:
    add_user(tmp_path, "bob")
    bearer = bearer_of(server.url, "bob")
    assert call(f"{server.url}{API}/users", **bearer)[0] == 403
    run(tmp_path, "user", "role", "bob", "admin")
    began = time.monotonic()
    while call(f"{server.url}{API}/users", **bearer)[0] != 200:
        assert time.monotonic() - began < NOTICED_WITHIN


def test_a_password_set_by_command_ends_sessions_and_opens_the_account(
    tmp_path: Path, server: ServerProcess
) -> None:
    bearer = sign_in(server.url)
    run(tmp_path, "user", "set-password", "admin", "--password-stdin", stdin=OTHER_PASSWORD)
    assert statuses_until(server.url, 401, **bearer) < NOTICED_WITHIN
    sign_in(server.url, OTHER_PASSWORD)


def test_a_deleted_user_is_gone_with_its_keys(tmp_path: Path, server: ServerProcess) -> None:
    add_user(tmp_path, "bob")
    made = json.loads(run(tmp_path, "key", "create", "bob", "--json"))
    run(tmp_path, "user", "delete", "bob", "--yes")
    assert statuses_until(server.url, 401, **{"X-API-Key": made["key"]}) < NOTICED_WITHIN
    assert "bob" not in run(tmp_path, "user", "list")


def test_commands_work_without_a_server(tmp_path: Path) -> None:
    result = agentbox(tmp_path, "user", "list", "--json", env=given())
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["total"] == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "said"),
    [
        (("user", "add", "bob", "--password-stdin"), "password", 1, "too common"),
        (("user", "add", "b b", "--no-password"), "", 1, "username"),
        (("user", "add", "ADMIN", "--no-password"), "", 1, "The username is taken."),
        (("user", "disable", "nobody"), "", 1, "There is no such user."),
        (("user", "role", "admin", "user"), "", 1, "The last super_admin must stay."),
        (("user", "delete", "admin", "--yes"), "", 1, "The last super_admin must stay."),
        (("user", "role", "admin", "king"), "", 2, "king"),
        (("key", "create", "nobody"), "", 1, "There is no such user."),
        (("key", "create", "admin", "--scope", "all"), "", 1, "'all' is not a scope"),
        (("key", "revoke", "nothing"), "", 1, "There is no such API key."),
        (("no-such-command",), "", 2, "No such command"),
        (("--config", "nowhere.toml", "serve"), "", 3, "nowhere.toml"),
    ],
)
def test_a_refusal_is_one_plain_sentence(
    refusing: Path, arguments: tuple[str, ...], stdin: str, status: int, said: str
) -> None:
    result = agentbox(refusing, *arguments, stdin=stdin, env=given())
    assert result.returncode == status, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_password_is_asked_for_without_showing_it(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "agentbox", "user", "add", "bob"],
        cwd=tmp_path,
        env=given(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    for answer_to in (b"Password:", b"Repeat for confirmation:"):
        while answer_to not in seen:
            seen += os.read(ours, 1024)
        os.write(ours, OTHER_PASSWORD.encode() + b"\n")
    try:
        while chunk := os.read(ours, 1024):
            seen += chunk
    except OSError:
        pass  # the terminal is gone with the process
    os.close(ours)
    assert process.wait(30) == 0, seen
    assert b"Added bob" in seen
    assert OTHER_PASSWORD.encode() not in seen


def test_a_terminal_is_shown_the_first_password_once_and_no_file_is_made(tmp_path: Path) -> None:
    # OP-01: on a terminal the password is shown there, and nowhere else.
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "agentbox", "serve", "--port", "0"],
        cwd=tmp_path,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    try:
        while b"listening" not in seen:
            seen += os.read(ours, 1024)
        assert b"Sign in as admin with this password" in seen
        assert not database_in(tmp_path).initial_password.exists()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        os.close(ours)


@pytest.mark.parametrize("group", ["", "user", "key", "migrate", "config", "secret", "serve"])
def test_help_reads_well(refusing: Path, group: str) -> None:
    text = run(refusing, *group.split(), "--help")
    assert text.startswith("Usage: agentbox")
    commands = text.partition("Commands:")[2].strip().splitlines()
    assert all(len(line.split(maxsplit=1)) == 2 for line in commands), text


def test_names_are_shown_as_they_are_and_never_read_as_markup(
    tmp_path: Path, server: ServerProcess
) -> None:
    bearer = sign_in(server.url)
    for name in ("[/x]", "[b]R[/b]", ":skull:"):
        status, _ = call(f"{server.url}{API}/api-keys", "POST", {"name": name}, **bearer)
        assert status == 201
        assert name in run(tmp_path, "key", "list").replace("\n", "")


@pytest.mark.sqlite_alone("the key file beside the database")
def test_a_database_made_by_migrate_has_its_root_secret_first(tmp_path: Path) -> None:
    run(tmp_path, "migrate", "up")
    assert (tmp_path / "agentbox.db.key").exists()
    run(tmp_path, "migrate", "check")
    with serving(tmp_path, env=given()) as server:
        sign_in(server.url)


def test_check_reports_faults_and_exits_with_one(tmp_path: Path) -> None:
    result = agentbox(tmp_path, "check", env=environment(AGENTBOX_PORT="abc"))
    assert result.returncode == 1
    assert "AGENTBOX_PORT" in result.stdout


def test_check_opens_nothing(tmp_path: Path) -> None:
    run(tmp_path, "check")
    assert list(tmp_path.iterdir()) == []


def test_a_strong_first_password_of_the_environment_needs_no_change(
    tmp_path: Path, server: ServerProcess
) -> None:
    bearer = sign_in(server.url, STRONG_PASSWORD)
    assert call(f"{server.url}{API}/users", **bearer)[0] == 200


@pytest.mark.parametrize("name", ["", "x" * 129, "a\x1b[31mb", "a\nb"])
def test_a_key_s_name_is_judged_on_the_command_line_too(refusing: Path, name: str) -> None:
    result = agentbox(refusing, "key", "create", "admin", "--name", name, env=given())
    assert result.returncode == 1
    assert "name must be 1 to 128 characters" in result.stderr
