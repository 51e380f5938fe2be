"""`agentbox doctor` over real files: what it notices, and that it changes nothing."""

from __future__ import annotations

import base64
import json
import os
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import click
import pytest
from click.testing import CliRunner, Result

from agentbox.cli.check import check
from agentbox.cli.invocation import Invocation
from agentbox.cli.operation.doctor import doctor
from agentbox.core.diagnosis.doctor import examine
from agentbox.core.diagnosis.versions import floors
from agentbox.core.startup import assemble
from agentbox.plugin import Storage
from agentbox.plugin.findings import Finding
from tests.backend import CHOSEN, ON_POSTGRES, database_in
from tests.e2e.people import Template
from tests.house.tree import ROOT

COMMANDS = click.Group("agentbox", commands={"check": check, "doctor": doctor})
DATABASE = "agentbox.db"

Run = Callable[..., Result]


@pytest.fixture
def folder(template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the database and key of a server that has run there."""
    template.copy_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    return tmp_path


def run(*arguments: str, config: Path | None = None, **environ: str) -> Result:
    return CliRunner().invoke(
        COMMANDS, arguments, obj=Invocation(config, _led(Path.cwd()) | environ)
    )


def _led(folder: Path) -> dict[str, str]:
    """The way to the folder's database, where nothing in the folder says it."""
    return database_in(folder).from_its_folder


def found(result: Result) -> Mapping[str, list[dict[str, Any]]]:
    """What is not in order, by what it is about, but for the version of this machine's SQLite."""
    told: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(result.output)["findings"]:
        if finding["verdict"] != "ok" and finding["about"] != "versions.sqlite":
            told.setdefault(finding["about"], []).append(finding)
    return told


def verdicts(result: Result) -> list[tuple[str, str]]:
    return [
        (about, finding["verdict"]) for about, many in found(result).items() for finding in many
    ]


def test_a_deployment_in_order_has_no_problem(folder: Path) -> None:
    result = run("doctor", "--json")
    assert (result.exit_code, found(result)) == (0, {})
    about = {finding["about"] for finding in json.loads(result.output)["findings"]}
    assert about >= {
        "versions.dependencies", "settings",
        "database.schema", "database.root_secret", "database.clock",
    }  # fmt: skip
    if not ON_POSTGRES:
        assert about >= {
            "versions.sqlite", "files.root_secret", "files.folder", "files.database"
        }  # fmt: skip


@pytest.mark.sqlite_alone("no file is made")
def test_an_empty_folder_stays_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    result = run("doctor")
    assert result.exit_code == 0
    assert "There is no database yet" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [(0o644, "problem"), (0o602, "problem"), (0o640, "warning"), (0o660, "warning")],
)
@pytest.mark.parametrize("name", [DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"])
@pytest.mark.sqlite_alone("the files of a database")
def test_a_database_open_to_others_is_told(
    folder: Path, name: str, mode: int, verdict: str
) -> None:
    # OP-03, ST-11
    with closing(sqlite3.connect(folder / DATABASE)) as other:
        other.execute("SELECT count(*) FROM users").fetchall()
        (folder / name).chmod(mode)
        result = run("doctor", "--json")
    assert ("files.database", verdict) in verdicts(result)
    assert result.exit_code == (1 if verdict == "problem" else 0)
    told = found(result)["files.database"][0]
    assert told["remedy"].startswith("Run: chmod 600 ")


@pytest.mark.parametrize(("mode", "status"), [(0o644, 1), (0o640, 0), (0o600, 0)])
@pytest.mark.sqlite_alone("the key file beside the database")
def test_a_key_file_open_to_others_is_told(folder: Path, mode: int, status: int) -> None:
    # OP-03
    (folder / f"{DATABASE}.key").chmod(mode)
    result = run("doctor", "--json")
    assert result.exit_code == status
    assert ("files.root_secret" in found(result)) == (mode != 0o600)


@pytest.mark.sqlite_alone("the folder of a database")
def test_a_folder_where_others_replace_files_is_told(folder: Path) -> None:
    folder.chmod(0o777)
    try:
        assert ("files.folder", "problem") in verdicts(run("doctor", "--json"))
        folder.chmod(0o1777)  # as /tmp: everybody keeps to their own
        assert found(run("doctor", "--json")) == {}
    finally:
        folder.chmod(0o700)


def test_settings_that_others_may_change_or_secrets_that_they_may_read_are_told(
    folder: Path,
) -> None:
    # OP-03
    config = folder / "agentbox.toml"
    config.write_text('[plugins.jwt]\nsecret = "a-q9vK2mZ7xW4tB8nR1cY6uE3sH5jL0pD"\n')
    config.chmod(0o644)
    assert verdicts(run("doctor", "--json", config=config)) == [("configuration", "warning")]
    config.chmod(0o602)
    result = run("doctor", "--json", config=config)
    assert ("files.settings", "problem") in verdicts(result)
    assert "a-q9vK2mZ7" not in result.output
    config.chmod(0o600)
    assert found(run("doctor", "--json", config=config)) == {}


@pytest.mark.sqlite_alone("the file beside the database")
def test_a_first_password_that_was_never_changed_is_told(folder: Path) -> None:
    # OP-01
    (folder / f"{DATABASE}.initial-password").touch(0o600)
    assert verdicts(run("doctor", "--json")) == [("files.initial_password", "warning")]


@pytest.mark.parametrize(
    ("environ", "about"),
    [
        ({"AGENTBOX_JWT_EXPIRY": "24h"}, "settings.tokens.access_expiry"),
        ({"AGENTBOX_PLUGINS__PASSWORD__STRENGTH": "0"}, "settings.plugins.password"),
        (
            {"AGENTBOX_SERVER__CORS_ORIGINS": "http://app.example.com"},
            "settings.server.cors_origins",
        ),
        (
            {
                "AGENTBOX_SERVER__DOCS": "true",
                "AGENTBOX_PUBLIC_URL": "https://auth.example.com",
                "AGENTBOX_SERVER__TRUSTED_PROXIES": "10.0.0.5/32",
            },
            "settings.server.docs",
        ),
        ({"AGENTBOX_PUBLIC_URL": "https://auth.example.com"}, "settings.server.trusted_proxies"),
        ({"AGENTBOX_PUBLIC_URL": "http://auth.example.com"}, "configuration"),
    ],
    ids=str,
)
def test_a_weak_setting_is_told(folder: Path, environ: dict[str, str], about: str) -> None:
    result = run("doctor", "--json", **environ)
    assert set(verdicts(result)) == {(about, "warning")}
    assert all(finding["remedy"] for finding in found(result)[about])


def test_settings_that_are_not_weak_are_not_told(folder: Path) -> None:
    settings = {
        "AGENTBOX_JWT_EXPIRY": "8h",
        "AGENTBOX_PLUGINS__PASSWORD__MINIMUM_LENGTH": "15",
        "AGENTBOX_SERVER__CORS_ORIGINS": "https://app.example.com,http://localhost:3000",
        "AGENTBOX_SERVER__DOCS": "true",
    }
    assert found(run("doctor", "--json", **settings)) == {}
    settings = {
        "AGENTBOX_PUBLIC_URL": "https://auth.example.com",
        "AGENTBOX_SERVER__TRUSTED_PROXIES": "10.0.0.5/32",
    }
    assert found(run("doctor", "--json", **settings)) == {}


def test_settings_that_stop_the_start_are_problems(folder: Path) -> None:
    result = run("doctor", "--json", AGENTBOX_JWT_SECRET="changeme", AGENTBOX_PORT="x")
    assert verdicts(result) == [("configuration", "problem")] * 2
    assert result.exit_code == 1
    assert "changeme" not in result.output


@pytest.mark.sqlite_alone("the key file beside the database")
def test_another_root_secret_is_a_problem(folder: Path) -> None:
    # ST-11
    (folder / f"{DATABASE}.key").write_text("p" * 42 + "o=\n")
    assert verdicts(run("doctor", "--json")) == [("database.root_secret", "problem")]
    (folder / f"{DATABASE}.key").unlink()
    result = run("doctor", "--json")
    assert verdicts(result) == [("database.root_secret", "problem")]
    assert not (folder / f"{DATABASE}.key").exists()


def test_a_root_secret_that_is_not_this_databases_is_a_problem(folder: Path) -> None:
    # ST-11
    other = base64.b64encode(os.urandom(32)).decode()
    result = run("doctor", "--json", AGENTBOX_SECRET_KEY=other)
    assert verdicts(result) == [("database.root_secret", "problem")]


def test_a_schema_that_is_not_this_programs_is_told(folder: Path) -> None:
    database, last = database_in(folder), "(SELECT max(position) FROM agentbox_migrations)"
    later = f"agentbox-{CHOSEN}-9999-later"
    ((known, position, applied_at),) = database.run(
        f"SELECT id, position, applied_at FROM agentbox_migrations WHERE position = {last}"
    )
    database.run("DELETE FROM agentbox_migrations WHERE id = ?", known)
    if position > 1:  # else there is no schema at all now
        assert verdicts(run("doctor", "--json")) == [("database.schema", "warning")]
    database.run(
        "INSERT INTO agentbox_migrations (position, id, plugin, sha256, applied_at)"
        " VALUES (?, ?, ?, ?, ?)",
        *(position + 1, later, CHOSEN, "0" * 64, applied_at),
    )
    result = run("doctor", "--json")
    assert ("database.schema", "problem") in verdicts(result)
    assert later in result.output


@pytest.mark.sqlite_alone("a file that is no database")
def test_what_is_no_database_is_a_problem(folder: Path) -> None:
    (folder / DATABASE).write_bytes(os.urandom(8192))
    result = run("doctor", "--json")
    assert ("database", "problem") in verdicts(result)
    assert "Traceback" not in result.output


def ahead(storage: Storage, by: timedelta) -> Storage:
    """The same database, on a machine whose clock is ahead."""

    class Ahead(type(storage)):  # type: ignore[misc]
        async def now(self) -> datetime:
            return cast(datetime, await super().now()) + by

    storage.__class__ = Ahead
    return storage


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(30, "ok"), (90, "warning"), (-90, "warning"), (900, "problem")]
)
async def test_a_clock_that_differs_is_told(folder: Path, seconds: int, verdict: str) -> None:
    storage = ahead(database_in(folder).storage(), timedelta(seconds=seconds))
    findings = await examine(assemble(None, _led(folder), {}), storage, {})
    assert _of("database.clock", findings).verdict == verdict


def _of(about: str, findings: Any) -> Finding:
    (finding,) = [finding for finding in findings if finding.about == about]
    assert isinstance(finding, Finding)
    return finding


def installed(folder: Path, name: str, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution of that version, found before the one that is there."""
    place = folder / "packages" / f"{name}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(place.parent))


# SU-01
@pytest.mark.parametrize(
    ("name", "version"), [("PyJWT", "2.11.0"), ("aiohttp", "3.13.9"), ("cryptography", "44.0.3")]
)
@pytest.mark.parametrize("command", ["doctor", "check"])
def test_a_version_below_its_floor_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str, version: str
) -> None:
    installed(folder, name, version, monkeypatch)
    result = run(command)
    assert result.exit_code == 0
    assert f"{version} is older than" in result.output
    assert name.lower() in result.output.lower()


# SU-01
@pytest.mark.parametrize("command", ["doctor", "check"])
def test_http_parsed_in_python_is_told(folder: Path, command: str) -> None:
    assert "parsed in Python" in run(command, AIOHTTP_NO_EXTENSIONS="1").output
    assert "parsed in Python" not in run(command).output


# SU-01
@pytest.mark.parametrize(("version", "told"), [((3, 51, 2), True), ((3, 51, 3), False)])
@pytest.mark.parametrize("command", ["doctor", "check"])
@pytest.mark.sqlite_alone("the version of SQLite")
def test_a_sqlite_with_the_wal_reset_bug_is_told(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    version: tuple[int, ...],
    told: bool,
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    assert ("can lose data" in run(command).output) is told


def test_the_floors_are_those_of_this_release() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    (aiohttp,) = re.findall(r'"aiohttp>=([0-9.]+)', text)
    (pyjwt,) = re.findall(r'"PyJWT\[crypto\]>=([0-9.]+)', text)
    found = {name.lower(): floor for name, floor in floors().items()}
    assert (found["aiohttp"], found["pyjwt"]) == (aiohttp, pyjwt)
    assert "pytest" not in found


def test_it_changes_no_row(folder: Path) -> None:
    before = _dump(folder)
    assert run("doctor").exit_code == 0
    assert _dump(folder) == before


def _dump(folder: Path) -> dict[str, list[str]]:
    return {name: sorted(map(repr, rows)) for name, rows in database_in(folder).rows().items()}
