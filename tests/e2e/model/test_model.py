"""Users, roles, environments, permissions and keys, against the rules written a second time."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.model.machine import run_machine
from tests.e2e.model.scene import Scene


def test_the_server_answers_as_the_rules_written_a_second_time(
    scene: Scene, tmp_path: Path
) -> None:
    run_machine(scene, tmp_path)
