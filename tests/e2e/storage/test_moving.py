"""A deployment moves from SQLite to Postgres and back, and nobody has to sign in again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.storage.test_backups import login, make_key, me, refresh
from tests.e2e.test_process import given
from tests.process import agentbox, environment, serving

REFUSED = 1


def copy(
    folder: Path, dsn: str, *options: str, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    arguments = ("storage", "copy", "--to", dsn, *options)
    return agentbox(folder, *arguments, stdin=stdin, env=environment(**env))


def copied(folder: Path, dsn: str, *options: str, **env: str) -> dict[str, Any]:
    done = copy(folder, dsn, "--json", *options, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def secret_of(folder: Path) -> str:
    return (folder / "agentbox.db.key").read_text().strip()


def verdict(folder: Path, **env: str) -> dict[str, Any]:
    done = agentbox(folder, "audit", "verify", "--json", env=environment(**env))
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_from_sqlite_to_postgres_and_back_with_the_dsn_alone_changed(
    tmp_path: Path, fresh_dsn: str
) -> None:
    with serving(tmp_path, env=given()) as server:
        session = login(server.url)
        key = make_key(server.url, session["token"])["key"]
        assert copied(tmp_path, fresh_dsn)["alike"]  # beside the server that works
        _, session = refresh(server.url, session["refresh_token"])
        later = make_key(server.url, session["token"])["key"]
        assert server.stop() == 0
    report = copied(tmp_path, fresh_dsn)
    assert {table["name"]: table["written"] for table in report["tables"]}["api_keys"] == 1
    assert copied(tmp_path, fresh_dsn, "--verify")["alike"]

    postgres = {"AGENTBOX_DB_DSN": fresh_dsn, "AGENTBOX_SECRET_KEY": secret_of(tmp_path)}
    with serving(tmp_path, env=environment(**postgres)) as server:
        assert me(server.url, session["token"]) == 200
        assert me(server.url, login(server.url)["token"]) == 200
        assert [me(server.url, each) for each in (key, later)] == [200, 200]
        _, session = refresh(server.url, session["refresh_token"])
        assert me(server.url, session["token"]) == 200
        assert server.stop() == 0
    assert (found := verdict(tmp_path, **postgres))["whole"]
    assert found["sealed"] > 5

    back = tmp_path / "back.db"
    assert copied(tmp_path, f"sqlite://{back}", **postgres)["alike"]
    sqlite = {"AGENTBOX_DB_PATH": str(back), "AGENTBOX_SECRET_KEY": secret_of(tmp_path)}
    with serving(tmp_path, env=environment(**sqlite)) as server:
        assert me(server.url, session["token"]) == 200
        assert me(server.url, login(server.url)["token"]) == 200
        assert [me(server.url, each) for each in (key, later)] == [200, 200]
        assert refresh(server.url, session["refresh_token"])[0] == 200
        assert server.stop() == 0
    assert (again := verdict(tmp_path, **sqlite))["whole"]
    assert again["sealed"] > found["sealed"]


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """One that was started and is not running."""
    assert agentbox(tmp_path, "user", "list", env=given()).returncode == 0
    return tmp_path


def test_once_somebody_works_on_the_copy_it_is_written_over_by_force_alone(
    deployment: Path, fresh_dsn: str
) -> None:
    copied(deployment, fresh_dsn)
    with serving(
        deployment,
        env=environment(AGENTBOX_DB_DSN=fresh_dsn, AGENTBOX_SECRET_KEY=secret_of(deployment)),
    ):
        pass

    refused = copy(deployment, fresh_dsn)

    assert refused.returncode == REFUSED
    assert "has been used since" in refused.stderr
    assert copy(deployment, fresh_dsn, "--verify").returncode == REFUSED
    assert copied(deployment, fresh_dsn, "--force")["alike"]


def test_the_table_shows_rows_and_digests_and_whether_they_are_the_same(
    deployment: Path,
) -> None:
    shown = copy(deployment, "sqlite:copy.db")
    assert shown.returncode == 0
    assert "All tables are the same on both sides." in shown.stdout
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    assert "users" in shown.stdout

    assert agentbox(deployment, "user", "add", "eve", "--no-password", env=given()).returncode == 0
    shown = copy(deployment, "sqlite:copy.db", "--verify")
    assert shown.returncode == REFUSED
    assert "Not the same on both sides: users, audit." in shown.stdout
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())


def test_a_dsn_is_read_from_standard_input_and_never_repeated(
    deployment: Path, fresh_dsn: str
) -> None:
    done = copy(deployment, "-", stdin=f"{fresh_dsn}\n")
    assert done.returncode == 0
    secret = "postgresql://agentbox:quarry-71@/nowhere?host=/missing"
    refused = copy(deployment, "-", stdin=f"{secret}\n")
    assert refused.returncode == REFUSED
    assert "can't be reached" in refused.stderr or "Postgres: " in refused.stderr
    assert "quarry-71" not in refused.stderr + done.stderr + done.stdout


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://agentbox:quarry-71@db/agentbox",
        "postgresql://agentbox@db/agentbox?password=quarry-71",
        "postgresql://agentbox:quarry-71@[db/agentbox",
    ],
)
def test_a_password_is_not_taken_from_the_command_line(tmp_path: Path, dsn: str) -> None:
    # OP-03
    refused = copy(tmp_path, dsn)

    assert refused.returncode == REFUSED
    assert "with --to -" in refused.stderr
    assert "quarry-71" not in refused.stderr


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("agentbox2.db", "begins with a scheme"),
        ("oracle://host/db", "No plugin that is installed"),
        ("sqlite://host/path.db", "sqlite:///absolute/path.db"),
        ("postgresql://host", "names no database"),
        ("jwt://x", "leads to the plugin jwt. No storage"),
        ("sqlite:missing/copy.db", "does not exist"),
    ],
)
def test_a_dsn_that_leads_nowhere_is_refused(deployment: Path, dsn: str, told: str) -> None:
    refused = copy(deployment, dsn)

    assert refused.returncode == REFUSED
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_source_of_another_schema_is_refused(deployment: Path) -> None:
    down = agentbox(
        deployment, "migrate", "down", "agentbox-sqlite-0005-audit", "--yes", env=environment()
    )
    assert down.returncode == 0

    refused = copy(deployment, "sqlite:copy.db")

    assert refused.returncode == REFUSED
    assert "is not this program's" in refused.stderr
    assert not (deployment / "copy.db").exists()


def test_for_postgres_backups_the_tool_is_named(deployment: Path, fresh_dsn: str) -> None:
    copied(deployment, fresh_dsn)
    env = {"AGENTBOX_DB_DSN": fresh_dsn, "AGENTBOX_SECRET_KEY": secret_of(deployment)}

    for command in (("backup", "b"), ("restore", "b", "--yes")):
        refused = agentbox(deployment, "storage", *command, env=environment(**env))
        assert refused.returncode == REFUSED
        assert "pg_dump" in refused.stderr
