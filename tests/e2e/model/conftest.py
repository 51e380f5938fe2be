"""One filled database for all runs."""

from __future__ import annotations

import pytest

from tests.e2e.model.scene import Scene, build_scene
from tests.e2e.people import Template


@pytest.fixture(scope="session")
def scene(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """People with environments, permissions and keys."""
    return build_scene(template, tmp_path_factory.mktemp("scene"))
