"""`agentbox env` and `agentbox authorize`, on a database of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.process import agentbox

PASSWORD = "copper-lantern-orbit-28"


class Folder:
    """Where the commands run, each in a process of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *arguments: str, stdin: str = "", status: int = 0) -> str:
        """What a command prints, if it ends as it should."""
        done = agentbox(self.path, *arguments, stdin=stdin)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def json(self, *arguments: str, stdin: str = "") -> Any:
        """What a command prints as JSON."""
        return json.loads(self.run(*arguments, "--json", stdin=stdin))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Alice, a user, and Vic, a viewer."""
    made = Folder(tmp_path)
    for name, role in (("alice", "user"), ("vic", "viewer")):
        made.run("user", "add", name, "--role", role, "--password-stdin", stdin=PASSWORD)
    return made


def test_an_environment_is_registered_shared_listed_and_deleted(folder: Folder) -> None:
    made = folder.json("env", "create", "box", "--owner", "alice", "--label", "team=blue")
    id_ = made["id"]

    assert folder.run("env", "share", id_, "vic", "viewer") == f"vic is viewer of {id_}.\n"
    told = folder.run("env", "permissions", id_)
    assert "alice" in told
    assert "vic" in told
    for narrowed in (("--user", "vic"), ("--label", "team=blue"), ("--search", "BO")):
        assert folder.json("env", "list", *narrowed)["total"] == 1
    assert folder.json("env", "list", "--status", "failed")["total"] == 0
    assert id_ in folder.run("env", "list")
    folder.run("env", "unshare", id_, "vic")
    assert folder.json("env", "list", "--user", "vic")["total"] == 0
    folder.run("env", "delete", id_, "--yes")
    assert folder.json("env", "list")["total"] == 0


def test_refusals_are_told_in_one_sentence(folder: Folder) -> None:
    id_ = folder.json("env", "create", "box", "--owner", "alice")["id"]

    for arguments, told in (
        (("env", "create", "box", "--owner", "vic"), "can hold no more than viewer"),
        (("env", "create", "a\nb", "--owner", "alice"), "name must be 1 to 128 characters"),
        (("env", "create", "box", "--owner", "nobody"), "no such user"),
        (("env", "share", id_, "vic", "owner"), "can hold no more than viewer"),
        (("env", "unshare", id_, "alice"), "last owner must stay"),
        (("env", "unshare", id_, "vic"), "no permission on this environment"),
        (("env", "delete", "nowhere", "--yes"), "no such environment"),
        (("authorize", "nokey", "--scope", "self:read"), "no such API key"),
        (("authorize", "nokey", "--scope", "frob"), "is not a scope"),
    ):
        refused = folder.run(*arguments, status=1)
        assert refused.startswith("Refused: ")
        assert told in " ".join(refused.split())


def test_a_key_is_asked_about_by_its_id(folder: Folder) -> None:
    id_ = folder.json("env", "create", "box", "--owner", "alice")["id"]
    key = folder.json("key", "create", "alice", "--all-environments", "editor")["api_key"]["id"]
    ask = ("authorize", key, "--environment", id_)

    assert folder.run(*ask, "--permission", "editor") == "yes: ok\n"
    assert folder.run(*ask, "--permission", "owner", status=1) == "no: insufficient_permission\n"
    assert folder.run("authorize", key, "--scope", "self:read") == "yes: ok\n"
    told = folder.run("authorize", key, "--scope", "environments:write", status=1)
    assert told == "no: insufficient_scope\n"
    assert folder.run("authorize", key, "--environment", "nowhere", status=1) == (
        "no: no_permission\n"
    )
    folder.run("authorize", key, status=2)
    folder.run("key", "revoke", key)
    assert "not valid" in folder.run("authorize", key, "--scope", "self:read", status=1)
