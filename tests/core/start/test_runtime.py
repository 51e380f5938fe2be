"""The parts put together, from configuration to a server that runs, and closed again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from agentbox.core import runtime as module
from agentbox.core.runtime import open_runtime
from agentbox.core.startup import Assembly, assemble
from tests.backend import CHOSEN, database_in
from tests.core.world import Recorder


@pytest.fixture
def assembly(tmp_path: Path) -> Assembly:
    database_in(tmp_path).claim(migrated=True)
    settings = {
        **database_in(tmp_path).environ,
        "AGENTBOX_ADMIN_PASSWORD": "correct-horse-battery-9",
    }
    return assemble(None, settings, {})


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(module, "_log", recorder)
    return recorder


async def test_a_server_logs_its_counters_when_it_stops(assembly: Assembly, log: Recorder) -> None:
    async with open_runtime(assembly, serving=True) as runtime:
        runtime.counters.add("example.greetings", 3)
        before = list(log.lines)

    assert before == []
    assert [name for name, _ in log.lines] == ["counters"]
    assert log.lines[0][1]["counts"]["example.greetings"] == 3


async def test_a_command_beside_it_logs_none(assembly: Assembly, log: Recorder) -> None:
    async with open_runtime(assembly, serving=False):
        pass

    assert log.lines == []


class _Watched:
    """The plugins, whose storage is made with services that are kept."""

    def __init__(self, plugins: Any) -> None:
        self._plugins = plugins
        self.services: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plugins, name)

    @property
    def storage_types(self) -> Any:
        plugin, kind = self._plugins.storage_types[0]

        class Kind:
            def create(_, services: Any) -> Any:
                self.services.append(services)
                return kind.create(services)

        return [(plugin, Kind())]


async def test_the_storage_counts_where_all_others_do(assembly: Assembly, log: Recorder) -> None:
    watched = _Watched(assembly.plugins)
    async with open_runtime(
        dataclasses.replace(assembly, plugins=watched),  # type: ignore[arg-type]
        serving=True,
    ) as runtime:
        (services,) = watched.services
        services.count("waits")
        assert services.clock is runtime.clock

    assert log.lines[0][1]["counts"][f"{CHOSEN}.waits"] == 1
