"""Sizes, names, and things that stand in one place only."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.house.tree import SHIPPED, functions, modules, name_of

LONGEST_MODULE = 350
LONGEST_FUNCTION = 60
MOST_FILES = 14
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}

CATCHES_EVERYTHING = {
    "agentbox/web/middleware/errors.py",  # the last resort: answers 500
    "agentbox/core/background/runs.py",  # a job may raise anything
    "agentbox/core/background/scheduler.py",  # looking for jobs must go on
    "agentbox/core/background/upkeep.py",  # a loop that ends silently lets all go stale
    "agentbox/core/metrics/guarding.py",  # sources and sinks of plugins
    "agentbox/core/recognition/dispatch.py",  # the dispatcher of plugins' objects
    "agentbox/core/recognition/recognition.py",
    "agentbox/loader/isolation.py",  # the dispatcher of plugins' hooks
}

SHIPPED_MODULES = modules(*SHIPPED)
TEST_MODULES = modules("tests")


@pytest.mark.parametrize("path", SHIPPED_MODULES + TEST_MODULES, ids=name_of)
def test_no_module_is_longer_than_a_few_screens(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", SHIPPED_MODULES, ids=name_of)
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    long = [
        f"{function.name}: {length} lines"
        for function in functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    ]

    assert long == []


@pytest.mark.parametrize("path", SHIPPED_MODULES + TEST_MODULES, ids=name_of)
def test_modules_are_named_after_things(path: Path) -> None:
    assert not {path.stem, *path.parts} & FORBIDDEN_NAMES


def test_no_folder_holds_more_than_one_can_take_in() -> None:
    sizes = Counter(path.parent for path in SHIPPED_MODULES)

    assert {name_of(folder): n for folder, n in sizes.items() if n > MOST_FILES} == {}


@pytest.mark.parametrize("path", SHIPPED_MODULES, ids=name_of)
def test_everything_is_caught_only_where_it_may_be(path: Path) -> None:
    if name_of(path) in CATCHES_EVERYTHING:
        return
    caught = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and _is_wide(node) and not _reraises(node)
    ]

    assert caught == []


TAKEN_NOT_GIVEN = re.compile(
    r"\bdatetime\.(now|utcnow|today)\(|\btime\.time(_ns)?\(|\bos\.(environ|getenv)\b"
)
TAKES_THE_CLOCK = {
    "agentbox/core/clock.py",  # the clock itself
    "agentbox/core/logs/setup.py",  # a line of the log bears this machine's time
    "agentbox/core/logs/queue.py",
}


@pytest.mark.parametrize(
    "path", modules("agentbox/core", "agentbox/model", "agentbox/plugin", "plugins"), ids=name_of
)
def test_clock_and_environment_are_handed_in(path: Path) -> None:
    if name_of(path) in TAKES_THE_CLOCK:
        return
    lines = [line.partition("#")[0] for line in path.read_text().splitlines()]

    assert [line.strip() for line in lines if TAKEN_NOT_GIVEN.search(line)] == []


def test_the_lists_of_exceptions_name_files_that_are_there() -> None:
    there = {name_of(path) for path in SHIPPED_MODULES}

    assert (CATCHES_EVERYTHING | TAKES_THE_CLOCK) - there == set()


def _is_wide(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    wide = {"Exception", "BaseException"}
    return any(name is None or getattr(name, "id", None) in wide for name in names)


def _reraises(handler: ast.ExceptHandler) -> bool:
    """Cleaning up and going on raising hides nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None
