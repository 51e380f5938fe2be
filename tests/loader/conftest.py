"""Real distributions for the loader: metadata and modules in folders on `sys.path`."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from agentbox.errors import PluginError
from agentbox.loader import Plugins, load
from agentbox.plugin import Services

STORAGE = """
from agentbox.plugin import StorageType, hookimpl

AGENTBOX_API = 1

@hookimpl
def agentbox_storage_types():
    return [StorageType(name="store", create=lambda services: None)]
"""

HEAD = "from agentbox.plugin import *\nfrom agentbox.plugin import hookimpl\nAGENTBOX_API = 1\n"


class Install(Protocol):
    """Installs a distribution: its name, entry points, and modules by keyword."""

    def __call__(
        self, name: str, points: Mapping[str, str], *, version: str = "1.0", **modules: str
    ) -> Path: ...


class InstallPlugin(Protocol):
    """Installs a distribution `agentbox-<name>` with one plugin, and returns the name."""

    def __call__(self, source: str, *, name: str = "ex") -> str: ...


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    before = set(sys.modules)

    def install(
        name: str, points: Mapping[str, str], *, version: str = "1.0", **modules: str
    ) -> Path:
        root = tmp_path / f"site-{len(list(tmp_path.iterdir()))}"
        about = root / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir(parents=True)
        about.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        lines = [f"{entry} = {target}" for entry, target in points.items()]
        about.joinpath("entry_points.txt").write_text("\n".join(["[agentbox]", *lines, ""]))
        for module, source in modules.items():
            root.joinpath(f"{module}.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(str(root))
        return root

    yield install
    for module in set(sys.modules) - before:
        origin = getattr(sys.modules[module], "__file__", None) or ""
        if origin.startswith(str(tmp_path)):
            del sys.modules[module]


@pytest.fixture
def plugin(distribution: Install) -> InstallPlugin:
    def install(source: str, *, name: str = "ex") -> str:
        module = f"{name}_plugin"
        text = HEAD + textwrap.dedent(source)
        distribution(f"agentbox-{name}", {name: module}, **{module: text})
        return name

    return install


@pytest.fixture
def store(distribution: Install) -> str:
    """An enabled plugin that offers a storage, as every server has one."""
    distribution("agentbox-store", {"store": "store_module"}, store_module=STORAGE)
    return "store"


def services(name: str) -> Services:
    """The loader only hands services on; a text shows whose they are."""
    return cast(Services, f"services of {name}")


def loaded(*names: str) -> Plugins:
    return load(["store", *names])


def faults_of(call: Any) -> tuple[str, ...]:
    with pytest.raises(PluginError) as caught:
        call()
    return caught.value.faults
