"""`agentbox key`: all that the operator does with keys, beside a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_commands import NOTICED_WITHIN, add_user, run, statuses_until
from tests.e2e.test_process import API, call, given
from tests.process import ServerProcess, agentbox, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with serving(tmp_path, env=given()) as running:
        add_user(tmp_path, "bob")
        yield running


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where somebody has started once; refusals leave it as it is."""
    folder = tmp_path_factory.mktemp("refusing")
    run(folder, "user", "list")
    return folder


def made(folder: Path, *options: str) -> dict[str, Any]:
    """A key of bob's: its text under `key`, its record under `api_key`."""
    return dict(json.loads(run(folder, "key", "create", "bob", "--json", *options)))


def shown(folder: Path, key_id: str) -> dict[str, Any]:
    return dict(json.loads(run(folder, "key", "show", key_id, "--json")))


def status_of(server: ServerProcess, key: str) -> int:
    return call(f"{server.url}{API}/auth/me", **{"X-API-Key": key})[0]


def test_a_key_with_everything_is_shown_as_it_was_asked_for(
    tmp_path: Path, server: ServerProcess
) -> None:
    record = made(
        tmp_path,
        *("--name", "ci", "--description", "builds", "--cidr", "127.0.0.1", "--cidr", "::1"),
        *("--rate", "2/day", "--days", "30", "--all-environments", "editor"),
    )["api_key"]
    kept = shown(tmp_path, record["id"])

    assert kept == record
    assert (kept["name"], kept["description"], kept["rate_limit"]) == ("ci", "builds", "2/day")
    assert kept["allowed_cidrs"] == ["127.0.0.1/32", "::1/128"]
    assert kept["all_environments"] == "editor"


def test_show_tells_all_but_the_key(tmp_path: Path, server: ServerProcess) -> None:
    key = made(tmp_path, "--name", "ci", "--rate", "2/day", "--cidr", "127.0.0.1")
    text = run(tmp_path, "key", "show", key["api_key"]["id"])

    words = {"bob", "ci", "2/day", "127.0.0.1/32", "viewer", "never", "end", "self:read"}
    assert words | {key["api_key"]["id"], key["api_key"]["key_prefix"]} <= set(text.split())
    assert key["key"] not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_rotated_key_has_a_successor_and_an_hour(tmp_path: Path, server: ServerProcess) -> None:
    old = made(tmp_path, "--name", "ci")
    new = json.loads(run(tmp_path, "key", "rotate", old["api_key"]["id"], "--json"))

    assert new["api_key"]["rotated_from"] == old["api_key"]["id"]
    assert (status_of(server, old["key"]), status_of(server, new["key"])) == (200, 200)
    assert shown(tmp_path, old["api_key"]["id"])["expires_at"] is not None
    assert new["api_key"]["id"] in run(tmp_path, "key", "show", new["api_key"]["id"])
    assert old["api_key"]["id"] in run(tmp_path, "key", "show", new["api_key"]["id"])


def test_a_key_rotated_without_overlap_is_out_within_a_second(
    tmp_path: Path, server: ServerProcess
) -> None:
    # AK-05
    old = made(tmp_path)
    assert status_of(server, old["key"]) == 200
    new = run(tmp_path, "key", "rotate", old["api_key"]["id"], "--overlap", "0").strip()

    assert statuses_until(server.url, 401, **{"X-API-Key": old["key"]}) < NOTICED_WITHIN
    assert status_of(server, new) == 200


def test_how_often_a_key_was_used_is_told(tmp_path: Path, server: ServerProcess) -> None:
    key = made(tmp_path)
    key_id = key["api_key"]["id"]
    assert "Not used" in run(tmp_path, "key", "usage", key_id)
    for _ in range(3):
        assert status_of(server, key["key"]) == 200
    server.stop()  # which writes what it has noted

    for options in ((), ("--by-day",), ("--days", "90")):
        found = json.loads(run(tmp_path, "key", "usage", key_id, "--json", *options))
        assert found["api_key_id"] == key_id
        assert sum(point["count"] for point in found["usage"]) == 3
    *_, last = run(tmp_path, "key", "usage", key_id, "--by-day").split()
    assert last in {"1", "2", "3"}


def test_a_key_for_one_environment(tmp_path: Path) -> None:
    add_user(tmp_path, "bob")
    on = json.loads(run(tmp_path, "env", "create", "box", "--owner", "bob", "--json"))["id"]
    key_id = made(tmp_path, "--environment", f"{on}=editor")["api_key"]["id"]
    kept = shown(tmp_path, key_id)

    [entry] = kept["permissions"]
    assert (entry["environment_id"], entry["permission"]) == (on, "editor")
    assert kept["all_environments"] is None
    assert f"{on}=editor" in run(tmp_path, "key", "show", key_id).split()


def test_an_environment_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = agentbox(
        tmp_path, "key", "create", "admin", "--environment", "nowhere=viewer", env=given()
    )

    assert result.returncode == 1
    assert "There is no such environment." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("create", "admin", "--environment", "e"), 2, "'e' is not ID=viewer"),
        (("create", "admin", "--environment", "e=root"), 2, "'e=root' is not ID=viewer"),
        (("create", "admin", "--environment", "=viewer"), 2, "'=viewer' is not ID=viewer"),
        (
            ("create", "admin", "--environment", "e=viewer", "--environment", "e=owner"),
            2,
            "'e' is named twice",
        ),
        (("create", "admin", "--cidr", "10.0.0.1/8"), 1, "allowed_cidrs/0 is not a network"),
        (("create", "admin", "--rate", "often"), 1, "such as 100/minute"),
        (("create", "admin", "--rate", ""), 1, "such as 100/minute"),
        (("create", "admin", "--description", "a\x1bb"), 1, "description must be 1 to 1024"),
        (("show", "nothing"), 1, "There is no such API key."),
        (("usage", "nothing"), 1, "There is no such API key."),
        (("usage", "nothing", "--days", "91"), 2, "91"),
        (("rotate", "nothing"), 1, "There is no such API key."),
        (("rotate", "nothing", "--overlap", "8d"), 1, "overlap_seconds must be 0 to 604800"),
        (("rotate", "nothing", "--overlap", "soon"), 2, "'soon' is not a duration"),
    ],
)
def test_a_refusal_is_one_plain_sentence(
    refusing: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    result = agentbox(refusing, "key", *arguments, env=given())

    assert result.returncode == status, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["create", "show", "rotate", "usage", "revoke", "list"])
def test_no_command_takes_a_key(refusing: Path, command: str) -> None:
    # AK-07: arguments are seen by every process of the machine
    text = run(refusing, "key", command, "--help")

    assert text.startswith(f"Usage: agentbox key {command}")
    assert not {"--key", "--secret", "--token"} & set(text.split())
