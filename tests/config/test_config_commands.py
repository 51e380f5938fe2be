"""`agentbox check`, `agentbox config show`, `agentbox secret new`."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from agentbox.cli.check import check
from agentbox.cli.config import config
from agentbox.cli.invocation import Invocation
from agentbox.cli.secret import secret
from agentbox.errors import ConfigurationError

COMMANDS = click.Group("agentbox", commands={"check": check, "config": config, "secret": secret})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run a command in an empty directory, with these variables."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, **environ: str) -> Result:
        return CliRunner().invoke(COMMANDS, arguments, obj=Invocation(None, environ))

    return invoke


def test_check_says_ok(run) -> None:
    result = run("check")
    *warnings, last = result.output.splitlines()
    assert (result.exit_code, last) == (
        0,
        "ok: no settings file; plugins: sqlite, password, jwt, apikey, metrics",
    )
    # Of this machine's SQLite, which is not ours to choose.
    assert all(line.startswith("warning: SQLite ") for line in warnings)


def test_check_opens_and_makes_nothing(run, tmp_path: Path) -> None:
    run("check")
    assert list(tmp_path.iterdir()) == []


# JWT-06
@pytest.mark.parametrize(
    "weak",
    ["changeme" * 8, "0" * 32, "q8Zr2Wv5Tn1Yx7Lk", "your-secret-key-at-least-32-bytes"],
)
def test_check_refuses_a_weak_secret_and_never_shows_it(run, weak: str) -> None:
    result = run("check", AGENTBOX_JWT_SECRET=weak)
    shown = ("AGENTBOX_JWT_SECRET" in result.output, weak in result.output)
    assert (result.exit_code, *shown) == (1, True, False)


# JWT-06
@pytest.mark.parametrize("name", ["AGENTBOX_JWT_SECRET", "AGENTBOX_PLUGINS__JWT__SECRET"])
def test_check_refuses_an_empty_secret(run, name: str) -> None:
    assert run("check", **{name: ""}).output == (
        f"{name} (plugins.jwt.secret): is set but empty; give it a value or unset it.\n"
        "1 fault; agentbox would not start.\n"
    )


def test_check_names_the_setting_of_a_weak_secret_and_not_its_value(run) -> None:
    result = run("check", AGENTBOX_JWT_SECRET="your-256-bit-secret")
    assert (result.exit_code, result.output) == (
        1,
        "AGENTBOX_JWT_SECRET (plugins.jwt.secret): secret is a placeholder or a published example "
        "that anyone can look up; make one with: agentbox secret new.\n"
        "1 fault; agentbox would not start.\n",
    )


def test_check_prints_every_fault(run) -> None:
    result = run("check", AGENTBOX_PORT="x", AGENTBOX_PROT="1")
    assert result.output.splitlines()[-1] == "2 faults; agentbox would not start."


def test_check_prints_json(run) -> None:
    result = run("check", "--json", AGENTBOX_PROT="1")
    assert (result.exit_code, json.loads(result.output)) == (
        1,
        {
            "ok": False,
            "faults": ["AGENTBOX_PROT: there is no such setting; did you mean AGENTBOX_PORT?"],
            "warnings": [],
            "notes": [],
        },
    )


GOOGLE = {
    "AGENTBOX_PUBLIC_URL": "https://auth.example.org",
    "AGENTBOX_GOOGLE_ENABLED": "true",
    "AGENTBOX_GOOGLE_CLIENT_ID": "us",
    "AGENTBOX_GOOGLE_CLIENT_SECRET": "a-secret-that-google-made-7Hq2",
}
REGISTERED = "https://auth.example.org/api/v1/auth/google/callback"


def test_check_prints_the_address_to_register_at_a_provider(run) -> None:
    result = run("check", **GOOGLE)

    assert result.exit_code == 0
    assert f"google: register {REGISTERED} as authorized redirect URI" in result.output.splitlines()
    assert "7Hq2" not in result.output


def test_check_prints_it_as_json_too(run) -> None:
    [note] = json.loads(run("check", "--json", **GOOGLE).output)["notes"]

    assert REGISTERED in note


def test_check_prints_warnings_and_still_says_ok(run) -> None:
    result = run("check", AGENTBOX_PUBLIC_URL="http://auth.example.org")
    assert result.exit_code == 0
    assert result.output.startswith("warning: AGENTBOX_PUBLIC_URL (server.public_url): ")


def test_config_show_prints_values_and_origins(run) -> None:
    lines = run("config", "show", AGENTBOX_PORT="9").output.splitlines()
    assert [line.split() for line in lines if line.startswith("server.port")] == [
        ["server.port", "9", "AGENTBOX_PORT"]
    ]


# OP-03
def test_config_show_hides_secrets(run) -> None:
    value = base64.b64encode(b"7fJq2mXw9Kd0Zp4TqLx8Rb1VnGy5Hc3S").decode()
    for form in ([], ["--json"]):
        result = run("config", "show", *form, AGENTBOX_JWT_SECRET=value)
        assert (result.exit_code, value in result.output) == (0, False)


def test_config_show_prints_json(run) -> None:
    rows = json.loads(run("config", "show", "--json", AGENTBOX_PORT="9").output)
    assert {"setting": "server.port", "value": "9", "origin": "AGENTBOX_PORT"} in rows


def test_config_show_of_a_wrong_configuration_leaves_the_faults_to_the_command_line(run) -> None:
    assert isinstance(run("config", "show", AGENTBOX_PROT="1").exception, ConfigurationError)


@pytest.mark.parametrize("kind", ["root", "jwt"])
def test_a_new_secret_is_32_bytes_that_pass_the_check(run, kind: str) -> None:
    text = run("secret", "new", "--kind", kind).output.strip()
    name = "AGENTBOX_SECRET_KEY" if kind == "root" else "AGENTBOX_JWT_SECRET"
    assert (len(base64.b64decode(text)), run("check", **{name: text}).exit_code) == (32, 0)


def test_two_new_secrets_differ(run) -> None:
    assert run("secret", "new").output != run("secret", "new").output
