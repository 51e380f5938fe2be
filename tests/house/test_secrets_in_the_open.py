"""No secret stands in what is shipped, and no command takes one where everybody sees it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agentbox.cli.root import COMMANDS, root
from tests.house.tree import ROOT, name_of, tracked_files

SHIPPED = ("agentbox", "plugins", "migrations", "docs", "config.example.toml", "README.md")
NOT_OURS = ("swagger-ui-bundle.js", "swagger-ui.css")

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
LONG_TEXT = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
SECRET_OPTION = re.compile(r"password|secret|token|credential|dsn")

BITS = 4.0
"""Of entropy in each character: English words joined by hyphens have less, random base64 more."""


def shipped() -> list[Path]:
    roots = [ROOT / name for name in SHIPPED]
    return [
        path
        for path in tracked_files()
        if any(path.is_relative_to(each) for each in roots) and path.name not in NOT_OURS
    ]


def entropy(text: str) -> float:
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def looks_random(text: str) -> bool:
    """Random letters of both cases with digits among them, not a path, a name or an alphabet."""
    kinds = (r"[a-z]", r"[A-Z]", r"[0-9]")
    return (
        list(text) != sorted(text)
        and all(re.search(kind, text) for kind in kinds)
        and entropy(text) > BITS
    )


@pytest.mark.parametrize("path", shipped(), ids=name_of)
def test_nothing_that_is_shipped_holds_a_secret(path: Path) -> None:
    # OP-03: no default signing secret in code, configuration or docs.
    text = path.read_text()

    assert PRIVATE_KEY.search(text) is None
    assert [found for found in LONG_TEXT.findall(text) if looks_random(found)] == []


@pytest.mark.parametrize(
    "secret", ["q9vK2mZ7xW4tB8nR1cY6uE3sH5jL0pDq9vK", "3sH5jL0pDq9vKxW4tB8nR1cY6uE2mZ7+/A="]
)
def test_a_secret_would_be_found(secret: str) -> None:
    assert [found for found in LONG_TEXT.findall(f'secret = "{secret}"') if looks_random(found)]


def commands(group: click.Command, name: str = "agentbox") -> Iterator[tuple[str, click.Command]]:
    yield name, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for each in group.list_commands(context):
            command = group.get_command(context, each)
            if command is not None:
                yield from commands(command, f"{name} {each}")


def test_no_command_takes_a_secret_as_an_argument() -> None:
    # OP-03: arguments are seen by everybody on the machine; files, stdin and prompts are not.
    every = dict(commands(root))
    taken = [
        f"{name} {parameter.name}"
        for name, command in every.items()
        for parameter in command.params
        if SECRET_OPTION.search(parameter.name or "") and not getattr(parameter, "is_flag", False)
    ]

    assert taken == []
    assert {f"agentbox {name}" for name in COMMANDS} <= every.keys()
