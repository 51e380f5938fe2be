"""A site that is opened beside what the configuration names."""

from __future__ import annotations

from typing import Any

import pytest

from agentbox.core import runtime as runtime_module
from agentbox.core.recognition.dispatch import Named
from agentbox.core.start.opening import Abilities
from tests.core.identities.at_sites import Site


def open_with(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    """Servers that start from here on have it, as if a plugin had brought it."""
    right = runtime_module.open_abilities

    async def with_the_site(*arguments: Any) -> Abilities:
        abilities = await right(*arguments)
        abilities.methods.append(Named("sites", site))
        abilities.check()
        return abilities

    monkeypatch.setattr(runtime_module, "open_abilities", with_the_site)
