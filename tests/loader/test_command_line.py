"""What an operator sees of plugins: the list, and why the server does not start."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.loader.conftest import HEAD, Install
from tests.process import agentbox, environment

BROKEN = {
    "raises": "raise RuntimeError('no')",
    "exits": "raise SystemExit(0)",
    "outdated": "AGENTBOX_API = 0",
    "misspelt": HEAD + "@hookimpl\ndef agentbox_rout(services): return []",
    "wrong": HEAD + "@hookimpl\ndef agentbox_authenticator_types(): return 7",
}


def run(
    folder: Path, *arguments: str, enabled: str, site: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """A command with these plugins enabled, and with `site` on the path."""
    path = [str(site)] if site else []
    settings = environment(
        AGENTBOX_PLUGINS__ENABLED=enabled,
        PYTHONPATH=os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]),
    )
    return agentbox(folder, *arguments, env=settings)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_stops_the_start_with_its_name(
    distribution: Install, tmp_path: Path, name: str
) -> None:  # PL-01
    site = distribution(
        f"agentbox-{name}", {name: f"{name}_plugin"}, **{f"{name}_plugin": BROKEN[name]}
    )

    done = run(tmp_path, "serve", "--port", "0", enabled=f"sqlite,password,jwt,{name}", site=site)

    assert done.returncode == 3
    assert f"Plugin '{name}' of agentbox-{name} 1.0" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_plugin_stops_the_start_with_its_name(tmp_path: Path) -> None:  # PL-01
    done = run(tmp_path, "serve", "--port", "0", enabled="sqlite,password,jwt,apikeys")

    assert done.returncode == 3
    assert "Plugin 'apikeys' is enabled and not installed. Did you mean 'apikey'?" in done.stderr


def test_a_server_that_did_not_start_left_no_database(tmp_path: Path) -> None:
    run(tmp_path, "serve", "--port", "0", enabled="sqlite,password,jwt,apikeys")

    assert list(tmp_path.iterdir()) == []


def test_the_list_has_the_chain_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    done = run(tmp_path, "plugins", "--json", enabled="apikey,sqlite,jwt,password")

    listed = json.loads(done.stdout)
    assert [link["id"] for link in listed["authenticators"]] == ["apikey", "jwt", "password"]
    enabled = [plugin["name"] for plugin in listed["plugins"] if plugin["enabled"]]
    assert enabled == ["apikey", "sqlite", "jwt", "password", "metrics"]
    assert [plugin["name"] for plugin in listed["plugins"]][:5] == enabled


def test_the_list_says_what_is_installed_and_not_enabled(tmp_path: Path) -> None:
    done = run(tmp_path, "plugins", "--json", enabled="sqlite,password,jwt")

    listed = {each["name"]: each["enabled"] for each in json.loads(done.stdout)["plugins"]}
    assert {"apikey", "google", "oidc", "postgres"} <= {name for name in listed if not listed[name]}


def test_the_list_opens_nothing(tmp_path: Path) -> None:
    run(tmp_path, "plugins", enabled="sqlite,password,jwt,apikey")

    assert list(tmp_path.iterdir()) == []


def test_the_list_can_be_read_by_people(tmp_path: Path) -> None:
    done = run(tmp_path, "plugins", enabled="sqlite,password,jwt,apikey")

    words = done.stdout.split()
    assert {"Plugins", "sqlite", "agentbox-server", "storage", "migrations"} <= set(words)


def test_the_help_tells_of_the_list_in_one_line_of_80_columns(tmp_path: Path) -> None:
    done = agentbox(tmp_path, "--help", env=environment(COLUMNS="80"))

    (line,) = [line for line in done.stdout.splitlines() if line.startswith("  plugins ")]
    assert line.endswith("authenticators.")


def test_every_column_has_a_heading(tmp_path: Path) -> None:
    done = run(tmp_path, "plugins", enabled="sqlite,password,jwt,apikey")

    heads = [line for line in done.stdout.splitlines() if line.startswith("┃")]
    assert [head for head in heads for cell in head.strip("┃").split("┃") if not cell.strip()] == []
    assert len(heads) == 2


def test_nothing_of_a_long_name_is_cut_at_80_columns(distribution: Install, tmp_path: Path) -> None:
    name = "z" * 64
    site = distribution(f"agentbox-{name}", {name: "long_plugin"}, long_plugin=HEAD)

    done = run(tmp_path, "plugins", enabled=f"sqlite,password,jwt,{name}", site=site)

    assert max(map(len, done.stdout.splitlines())) <= 80
    assert (done.stdout.count("z"), "…" in done.stdout) == (128, False)


OPTIONS_ALONE = (
    HEAD + "class Mine(Options, frozen=True):\n    door: str = 'front'\n\nAGENTBOX_OPTIONS = Mine\n"
)


@pytest.mark.parametrize(("option", "status"), [("door", 0), ("dor", 1)])
def test_options_of_a_plugin_without_types_are_read_as_any_others(
    distribution: Install, tmp_path: Path, option: str, status: int
) -> None:
    site = distribution("agentbox-ex", {"ex": "ex_plugin"}, ex_plugin=OPTIONS_ALONE)
    (tmp_path / "agentbox.toml").write_text(f'[plugins.ex]\n{option} = "back"\n')

    done = run(tmp_path, "check", enabled="sqlite,password,jwt,ex", site=site)

    assert (done.returncode, "dor" in done.stdout) == (status, status == 1)
