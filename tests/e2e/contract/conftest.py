"""One filled database for all tests of the contract."""

from __future__ import annotations

import pytest

from tests.e2e.contract.filling import Filled, fill
from tests.e2e.people import Template


@pytest.fixture(scope="session")
def filled(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """People of every role, and one of everything that they can make."""
    return fill(template, tmp_path_factory.mktemp("filled"))
