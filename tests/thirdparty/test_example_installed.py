"""What is installed beside the server, what is imported, and what the page about it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.house.tree import ROOT
from tests.thirdparty.conftest import EXAMPLE, SECRET, Installation, Server


def test_the_server_runs_from_the_wheel_alone(installation: Installation) -> None:
    ask = "import agentbox, agentbox_example; print(agentbox.__file__, agentbox_example.__file__)"
    done = subprocess.run(
        [installation.bin / "python", "-c", ask],
        cwd=installation.folder,
        env=installation.environment(),
        check=True,
        capture_output=True,
        text=True,
    )

    assert all(p.startswith(str(installation.bin.parent)) for p in done.stdout.split())


def test_a_plugin_that_is_installed_and_not_enabled_is_not_imported(
    server: Server, installation: Installation
) -> None:  # PL-05
    listed = json.loads(installation.run("plugins", "--json"))["plugins"]

    rogue = next(plugin for plugin in listed if plugin["name"] == "rogue")
    assert (rogue["distribution"], rogue["version"]) == ("agentbox-rogue", "6.6.6")
    assert not rogue["enabled"]
    assert not installation.canary.exists()


def test_the_canary_sings_when_the_plugin_is_imported(
    installation: Installation, tmp_path: Path
) -> None:
    environment = installation.environment() | {"CANARY": str(tmp_path / "canary")}
    ask = [installation.bin / "python", "-c", "import agentbox_rogue"]
    subprocess.run(ask, env=environment, cwd=tmp_path, check=True)

    assert (tmp_path / "canary").exists()


def test_the_start_is_logged_with_where_each_plugin_comes_from(
    server: Server, installation: Installation
) -> None:  # PL-05
    assert "example (agentbox-example 0.1.0)" in (installation.folder / "log").read_text()


def test_the_plugin_stands_in_the_chain_where_the_configuration_has_it(
    installation: Installation,
) -> None:  # PL-04
    chain = json.loads(installation.run("plugins", "--json"))["authenticators"]

    assert [link["plugin"] for link in chain] == ["password", "jwt", "apikey", "example"]


def test_the_examples_own_tests_pass(installation: Installation) -> None:
    pytest_there = [installation.bin / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_there, "-c", EXAMPLE / "pyproject.toml", EXAMPLE / "tests"],
        cwd=installation.folder,
        env=installation.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_the_example_imports_the_front_door_only() -> None:
    sources = (EXAMPLE / "src").rglob("*.py")
    imported = [
        line.split()[1]
        for source in sources
        for line in source.read_text().splitlines()
        if re.match(r"\s*(from|import) agentbox\b", line)
    ]

    front_door = ("agentbox.plugin", "agentbox.model", "agentbox.errors")
    assert imported
    assert [name for name in imported if not name.startswith(front_door)] == []


def test_the_commands_of_the_page_work_as_they_stand(
    server: Server, installation: Installation
) -> None:
    page = (ROOT / "docs" / "plugins" / "first-plugin.md").read_text()
    page = page.partition("\n## A bigger one\n")[2]
    commands = [line[2:] for line in page.splitlines() if line.startswith("$ ")]
    assert "agentbox serve" in commands  # the fixture's server, with the same settings
    environment = installation.environment() | {
        "AGENTBOX_CONFIG": "agentbox-example/agentbox.toml",
        "PATH": f"{installation.bin}{os.pathsep}{os.environ['PATH']}",
        # no network: hatchling is there, and so is everything else
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    script = "\n".join(["set -eu", *(line for line in commands if line != "agentbox serve")])
    script = script.replace("http://127.0.0.1:8080", server.url)
    script = script.replace("$(agentbox secret new)", f"'{SECRET}'")
    shutil.copytree(EXAMPLE, installation.folder / "agentbox-example")

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=installation.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["message"] == "Good day, admin!"
