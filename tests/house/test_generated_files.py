"""Files that are made from the code say what the code says."""

from __future__ import annotations

import pytest

from agentbox.loader import HOOKS
from tests.house.generated import GENERATED, HOOK_SECTIONS, hook_sections
from tests.house.tree import ROOT, modules


@pytest.mark.parametrize("place", GENERATED)
def test_a_generated_file_is_up_to_date(place: str) -> None:
    """If the change is meant, run `python -m tests.house.generated` and look at the difference."""
    assert (ROOT / place).read_text() == GENERATED[place]()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_when_with_what_and_what_then(hook: str) -> None:
    told = hook_sections(hook)

    assert tuple(told) == ("", *HOOK_SECTIONS)
    assert all(told.values())


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test_that_bears_its_name(hook: str) -> None:
    tests = "\n".join(path.read_text() for path in modules("tests/loader"))

    assert f"def test_hook_{hook}_" in tests


def test_hooks_are_found_in_the_specification() -> None:
    assert len(HOOKS) == 10
