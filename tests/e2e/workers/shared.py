"""A storage for several processes, installed as a third party's: SQLite that says it is one."""

from __future__ import annotations

import os
from pathlib import Path

from tests.process import STRONG_PASSWORD, environment

_METADATA = "Metadata-Version: 2.1\nName: agentbox-shared\nVersion: 1.0\n"
_ENTRY_POINTS = "[agentbox]\nshared = agentbox_shared\n"
_PLUGIN = """
from msgspec.structs import replace

from agentbox.plugin import hookimpl

AGENTBOX_API = 1


@hookimpl
def agentbox_storage_types():
    from agentbox_sqlite.storage import SQLITE_TYPE, SqliteStorage

    class Shared(SqliteStorage):
        many_processes = True

    def create(services):
        return Shared(services.options.path)

    return [replace(SQLITE_TYPE, name="shared", create=create)]


@hookimpl
def agentbox_migration_folders(backend):
    from agentbox_sqlite.schema import own_folders

    if backend != "sqlite":
        return []
    return [replace(folder, plugin="shared") for folder in own_folders()]
"""


def install(packages: Path) -> None:
    """The distribution, so that a process with `packages` on its path finds it."""
    about = packages / "agentbox_shared-1.0.dist-info"
    about.mkdir(parents=True)
    about.joinpath("METADATA").write_text(_METADATA)
    about.joinpath("entry_points.txt").write_text(_ENTRY_POINTS)
    packages.joinpath("agentbox_shared.py").write_text(_PLUGIN)


def using(packages: Path, **more: str) -> dict[str, str]:
    """The environment of a server on that storage, with a first password of the tests' own."""
    path = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
    given = {
        "PYTHONPATH": path,
        "AGENTBOX_PLUGINS__ENABLED": "shared,password,jwt,apikey",
        "AGENTBOX_ADMIN_PASSWORD": STRONG_PASSWORD,
    }
    return environment(**(given | more))
