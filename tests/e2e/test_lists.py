"""Lists that the commands print, on a terminal of 80 columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.test_process import given
from tests.process import agentbox

EMAIL = "jo.ann@staging.example.com"
SCOPES = ("self:read", "users:read", "users:write", "environments:report")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With an administrator, and a key of hers that has many scopes and a name of many words."""
    path = tmp_path_factory.mktemp("lists")
    _run(path, "user", "add", "jo-ann.smith", "--email", EMAIL, "--role", "admin", "--no-password")
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    name = "continuous integration of the staging cluster in Frankfurt"
    _run(path, "key", "create", "jo-ann.smith", "--name", name, "--days", "30", *scopes)
    _run(path, "key", "create", "admin")
    return path


def _run(folder: Path, *arguments: str) -> str:
    result = agentbox(folder, *arguments, env=given(COLUMNS="80"))
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("what", ["key", "user"])
def test_a_list_fits_in_80_columns(folder: Path, what: str) -> None:
    assert max(map(len, _run(folder, what, "list").splitlines())) <= 80


def test_a_list_of_keys_breaks_no_word(folder: Path) -> None:
    shown = _run(folder, "key", "list").split()
    keys = json.loads(_run(folder, "key", "list", "--json"))["api_keys"]

    for key in keys:
        assert key["id"] in shown
        for word in (key["name"] or "").split():
            assert word in shown
    expires_at = keys[1]["expires_at"] or keys[0]["expires_at"]
    assert {"jo-ann.smith", "admin", "4", "never", expires_at[:10]} <= set(shown)


def test_a_list_of_users_breaks_no_word(folder: Path) -> None:
    shown = _run(folder, "user", "list").split()
    users = json.loads(_run(folder, "user", "list", "--json"))["users"]

    for user in users:
        assert {user["id"], user["username"], user["role"]} <= set(shown)
    assert EMAIL in shown


def test_a_user_who_can_not_sign_in_is_told_apart(folder: Path) -> None:
    _run(folder, "user", "disable", "jo-ann.smith")

    assert "admin inactive" in " ".join(_run(folder, "user", "list").split())


def test_a_key_that_was_revoked_is_told_apart(folder: Path) -> None:
    keys = json.loads(_run(folder, "key", "list", "--user", "admin", "--json"))["api_keys"]
    _run(folder, "key", "revoke", keys[0]["id"])

    assert "revoked" in _run(folder, "key", "list", "--user", "admin").split()
