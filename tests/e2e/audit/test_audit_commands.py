"""`agentbox audit`: beside a running server, and without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backend import database_in
from tests.e2e.test_commands import add_user, run
from tests.e2e.test_process import call, given
from tests.process import ServerProcess, agentbox, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    with serving(folder, env=given()) as running:
        add_user(folder, "bob")
        yield running


def verdict(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = agentbox(folder, "audit", "verify", "--json", *options)
    return done.returncode, dict(json.loads(done.stdout))


def sealed(folder: Path, least: int) -> dict[str, Any]:
    """The verdict, once so many rows are sealed."""
    while (found := verdict(folder))[1]["sealed"] < least:
        assert found[0] == 0
    return found[1]


def test_verify_works_beside_a_running_server(folder: Path, server: ServerProcess) -> None:
    # OB-04: verifiable by CLI
    found = sealed(folder, 3)  # the first start, the server's, and bob

    assert found["whole"]
    assert found["head"]["seq"] >= 3
    assert "The audit is whole" in run(folder, "audit", "verify")


def test_list_shows_who_did_what(folder: Path, server: ServerProcess) -> None:
    text = run(folder, "audit", "list", "--event", "user.create")
    assert "operator" in text
    assert "system" in text
    assert max(map(len, text.splitlines())) <= 80

    rows = json.loads(run(folder, "audit", "list", "--json", "--actor", "operator"))["events"]
    assert [row["event"] for row in rows] == ["user.create"]
    assert json.loads(run(folder, "audit", "list", "--json", "--limit", "1"))["events"]
    assert not json.loads(run(folder, "audit", "list", "--json", "--until", "1d"))["events"]
    assert json.loads(run(folder, "audit", "list", "--json", "--since", "1d"))["events"]


def test_list_says_why_a_login_was_refused(tmp_path: Path) -> None:
    wrong = {"username": "nobody-at-all", "password": "wrong"}
    with serving(tmp_path, env=given()) as server:
        assert call(f"{server.url}/api/v1/auth/login", "POST", wrong)[0] == 401
        assert server.stop() == 0  # refusals that wait are written then

    text = run(tmp_path, "audit", "list", "--event", "login.refuse")

    assert "nobody_knows_it" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_time_that_is_none_is_refused(folder: Path, server: ServerProcess) -> None:
    done = agentbox(folder, "audit", "list", "--since", "yesterday")

    assert done.returncode == 2
    assert "yesterday" in done.stderr


def test_what_was_exported_is_verified_without_the_database(
    folder: Path, server: ServerProcess
) -> None:
    sealed(folder, 3)
    text = run(folder, "audit", "export")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["seq"] for line in lines if "event" in line] == list(range(1, len(lines)))
    assert lines[-1]["end"] == "head"

    (folder / "good.jsonl").write_text(text)
    assert verdict(folder, "--file", "good.jsonl")[0] == 0
    (folder / "bad.jsonl").write_text(text.replace('"operator"', '"somebody"'))
    status, found = verdict(folder, "--file", "bad.jsonl")
    assert (status, found["faults"][0]["kind"]) == (1, "edited")
    (folder / "none.jsonl").write_text("{}\n")
    done = agentbox(folder, "audit", "verify", "--file", "none.jsonl")
    assert (done.returncode, "line" in done.stderr) == (1, True)


def test_an_edited_row_fails_on_a_stopped_server(tmp_path: Path) -> None:
    # OB-04: edit a row, and verify fails
    with serving(tmp_path, env=given()) as server:
        add_user(tmp_path, "bob")
        sealed(tmp_path, 3)
        assert server.stop() == 0
    assert agentbox(tmp_path, "audit", "verify").returncode == 0

    database_in(tmp_path).run("UPDATE audit SET actor = 'system' WHERE actor = 'operator'")
    done = agentbox(tmp_path, "audit", "verify")

    assert done.returncode == 1
    assert "Row 3 or its seal was edited" in done.stdout
