"""`agentbox user` for somebody who is locked out, or should be: beside a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_commands import (
    NOTICED_WITHIN,
    OTHER_PASSWORD,
    add_user,
    bearer_of,
    run,
    statuses_until,
)
from tests.e2e.test_process import API, call, given
from tests.process import STRONG_PASSWORD, ServerProcess, agentbox, serving

NEW_PASSWORD = "granite-violet-harbour-93"


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


def login(url: str, name: str, password: str) -> tuple[int, Any]:
    return call(f"{url}{API}/auth/login", "POST", {"username": name, "password": password})


def test_a_reset_prints_the_secret_alone_and_its_end_beside_it(
    tmp_path: Path, server: ServerProcess
) -> None:
    # PW-10
    add_user(tmp_path, "bob")
    bearer = bearer_of(server.url, "bob")
    result = agentbox(tmp_path, "user", "reset", "bob", env=given())
    assert result.returncode == 0, result.stderr
    secret = result.stdout.removesuffix("\n")
    assert len(secret) == len(secret.strip()) == 40
    assert "bob" in result.stderr
    assert secret not in result.stderr

    assert statuses_until(server.url, 401, **bearer) < NOTICED_WITHIN
    assert login(server.url, "bob", OTHER_PASSWORD)[0] == 401
    status, body = login(server.url, "bob", secret)
    assert status == 200, body
    assert login(server.url, "bob", secret)[0] == 401
    token = {"Authorization": f"Bearer {body['token']}"}
    change = f"{server.url}{API}/auth/change-password"
    assert call(change, "POST", {"new_password": NEW_PASSWORD}, **token)[0] == 204
    assert login(server.url, "bob", NEW_PASSWORD)[0] == 200


def test_a_reset_as_json_is_for_scripts(tmp_path: Path) -> None:
    add_user(tmp_path, "bob")
    result = agentbox(tmp_path, "user", "reset", "bob", "--json", env=given())
    made = json.loads(result.stdout)
    assert set(made) == {"secret", "expires_at"}
    assert result.stderr == ""
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now().astimezone()
    assert timedelta(minutes=55) < left <= timedelta(hours=1)


def test_a_password_set_by_command_makes_a_reset_void(
    tmp_path: Path, server: ServerProcess
) -> None:
    # PW-10
    add_user(tmp_path, "bob")
    secret = run(tmp_path, "user", "reset", "bob").strip()
    run(tmp_path, "user", "set-password", "bob", "--password-stdin", stdin=NEW_PASSWORD)
    assert login(server.url, "bob", secret)[0] == 401
    assert login(server.url, "bob", NEW_PASSWORD)[0] == 200


def test_the_last_super_admin_who_lost_the_password_gets_in_again(
    tmp_path: Path, server: ServerProcess
) -> None:
    # AZ-05: nor is the last one locked out by a reset
    secret = run(tmp_path, "user", "reset", "admin").strip()
    status, body = login(server.url, "admin", secret)
    assert status == 200
    assert body["user"]["role"] == "super_admin"


def test_a_suspended_user_is_out_until_it_is_enabled(tmp_path: Path, server: ServerProcess) -> None:
    add_user(tmp_path, "bob")
    bearer = bearer_of(server.url, "bob")
    run(tmp_path, "user", "suspend", "bob")
    assert statuses_until(server.url, 401, **bearer) < NOTICED_WITHIN
    listed = json.loads(run(tmp_path, "user", "list", "--status", "suspended", "--json"))
    assert [user["username"] for user in listed["users"]] == ["bob"]
    run(tmp_path, "user", "enable", "bob")
    bearer_of(server.url, "bob")


def test_sessions_are_listed_and_ended(tmp_path: Path, server: ServerProcess) -> None:
    add_user(tmp_path, "bob")
    key = json.loads(run(tmp_path, "key", "create", "bob", "--json"))["key"]
    bearers = [bearer_of(server.url, "bob") for _ in range(2)]
    listed = json.loads(run(tmp_path, "user", "sessions", "bob", "--json"))
    shown = run(tmp_path, "user", "sessions", "bob")
    assert listed["total"] == len(listed["sessions"]) == 2
    for session in listed["sessions"]:
        assert session["id"] in shown.split()
        assert session["ip"] == "127.0.0.1"
    assert max(map(len, shown.splitlines())) <= 80
    for bearer in bearers:
        assert bearer["Authorization"].removeprefix("Bearer ") not in json.dumps(listed)

    assert run(tmp_path, "user", "end-sessions", "bob") == "Sessions of bob ended: 2.\n"

    for bearer in bearers:
        assert statuses_until(server.url, 401, **bearer) < NOTICED_WITHIN
    assert call(f"{server.url}{API}/auth/me", **{"X-API-Key": key})[0] == 200
    assert json.loads(run(tmp_path, "user", "sessions", "bob", "--json"))["total"] == 0
    bearer_of(server.url, "bob")


def test_unlocking_lets_somebody_in_at_once(tmp_path: Path, server: ServerProcess) -> None:
    # PW-09: the super_admin too
    add_user(tmp_path, "bob")
    for name, password in (("bob", OTHER_PASSWORD), ("admin", STRONG_PASSWORD)):
        while (status := login(server.url, name, "wrong")[0]) != 429:
            assert status == 401
        assert login(server.url, name, password)[0] == 429

        assert run(tmp_path, "user", "unlock", name) == f"{name} is not throttled.\n"

        assert login(server.url, name, password)[0] == 200


def test_unlocking_works_without_a_server(tmp_path: Path) -> None:
    add_user(tmp_path, "bob")
    assert run(tmp_path, "user", "unlock", "bob") == "bob is not throttled.\n"


COMMANDS = ("reset", "unlock", "suspend", "sessions", "end-sessions")


@pytest.mark.parametrize("command", COMMANDS)
def test_nobody_there_is_one_plain_sentence(refusing: Path, command: str) -> None:
    result = agentbox(refusing, "user", command, "nobody", env=given())
    assert (result.returncode, result.stdout) == (1, "")
    assert "There is no such user." in result.stderr
    assert "Traceback" not in result.stderr


def test_the_last_super_admin_is_not_suspended(refusing: Path) -> None:
    # AZ-05
    result = agentbox(refusing, "user", "suspend", "admin", env=given())
    assert result.returncode == 1
    assert "The last super_admin must stay." in result.stderr
