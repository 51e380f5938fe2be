"""What is declared, pinned and shipped."""

from __future__ import annotations

import ast
import re
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.house.tree import ROOT, modules, name_of
from tests.wheels import build_wheel

PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT = tomllib.loads(PYPROJECT)["project"]
PINS = ("runtime", "build", "dev")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build_wheel(ROOT, tmp_path_factory.mktemp("wheel")))


def shipped(wheel: zipfile.ZipFile) -> set[str]:
    return set(wheel.namelist())


def test_the_wheel_holds_packages_and_their_metadata_only(wheel: zipfile.ZipFile) -> None:
    folders = {name.split("/")[0] for name in shipped(wheel)}
    plugins = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()}

    # SU-02: no tests, keys or development files; no folder that others could take for theirs
    assert {f for f in folders if not f.endswith(".dist-info")} == {
        "agentbox",
        "agentbox_migrations",
        *(name for name in plugins if name.startswith("agentbox_")),
    }


def test_the_wheel_holds_every_module_and_migration(wheel: zipfile.ZipFile) -> None:
    code = {path.relative_to(ROOT).as_posix() for path in modules("agentbox")}
    plugins = {p.relative_to(ROOT / "plugins").as_posix() for p in modules("plugins")}
    migrations = ROOT / "migrations"
    sql = {p.relative_to(migrations).as_posix() for p in migrations.rglob("*.sql")}

    assert sql
    assert (code | plugins | sql) - shipped(wheel) == set()


def test_the_wheel_says_that_it_is_typed(wheel: zipfile.ZipFile) -> None:
    assert "agentbox/py.typed" in shipped(wheel)


def test_the_wheel_holds_no_file_that_only_servers_make(wheel: zipfile.ZipFile) -> None:
    made = re.compile(r"\.(db|db-wal|db-shm|key|pem|log|pyc|initial-password)$|(^|/)\.")

    assert [name for name in shipped(wheel) if made.search(name)] == []


def test_every_plugin_folder_is_an_entry_point_and_every_entry_point_a_folder() -> None:
    declared = {
        re.split("[.:]", target)[0] for target in PROJECT["entry-points"]["agentbox"].values()
    }
    folders = {path.name for path in (ROOT / "plugins").glob("agentbox_*") if path.is_dir()}

    assert declared == folders


def test_the_installed_entry_points_are_those_declared() -> None:
    """Fails after a new entry point until `pip install -e .` has run again."""
    points = metadata.distribution("agentbox-server").entry_points
    installed = {point.name: point.value for point in points if point.group == "agentbox"}

    assert installed == PROJECT["entry-points"]["agentbox"]


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").glob("*/__init__.py")), ids=name_of)
def test_the_init_of_a_plugin_holds_hooks_only(path: Path) -> None:
    module = ast.parse(path.read_text())

    odd = [ast.unparse(node).splitlines()[0] for node in module.body if not _belongs(node)]

    assert odd == []


def test_every_dependency_says_what_it_is_for() -> None:  # SU-02
    lists = re.findall(r"^(?:dependencies|test) = \[\n(.*?)^\]", PYPROJECT, re.M | re.S)
    lines = [line for text in lists for line in text.splitlines()]

    assert len(lists) == 2
    assert [line for line in lines if not re.search(r'",\s+# \S', line)] == []


@pytest.mark.parametrize("name", PINS)
def test_every_pin_has_a_hash(name: str) -> None:  # SU-01
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = [p for p in re.split(r"\n(?=\S)", text) if p and not p.startswith("#")]

    assert [p.split()[0] for p in pins if not re.match(r"[\w.-]+==\S+ [^\n]*\\\n +--hash", p)] == []


def test_the_pins_name_every_dependency() -> None:
    wanted = {_distribution(line) for line in PROJECT["dependencies"]}
    text = (ROOT / "requirements" / "runtime.txt").read_text()

    assert wanted - {_distribution(line) for line in text.splitlines() if "==" in line} == set()


@pytest.mark.parametrize("name", ["runtime", "build"])
def test_what_runs_and_builds_is_tested_as_it_is_pinned(name: str) -> None:
    dev = (ROOT / "requirements" / "dev.txt").read_text()
    pins = re.findall(r"^[\w.-]+==\S+", (ROOT / "requirements" / f"{name}.txt").read_text(), re.M)

    assert [pin for pin in pins if f"{pin} " not in dev] == []


def _distribution(line: str) -> str:
    named = re.match(r"[A-Za-z0-9._-]+", line)
    return re.sub(r"[-_.]+", "-", named[0]).lower() if named else ""


def _belongs(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        return [ast.unparse(decorator) for decorator in node.decorator_list] == ["hookimpl"]
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "AGENTBOX_API"
    if isinstance(node, ast.ImportFrom):
        light = (
            "__future__",
            "collections.abc",
            "typing",
            "agentbox.plugin",
            "agentbox.plugin.spec",
        )
        return node.module in light
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
