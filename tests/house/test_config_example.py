"""config.example.toml runs, says the defaults, and knows every setting."""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from pathlib import Path

import pytest
from msgspec import inspect
from msgspec.structs import fields

from agentbox.config import Settings, build_settings, find_faults, read_sources
from agentbox.config.schema import SECTIONS
from agentbox.config.wording import is_secret
from agentbox.plugin import Options
from tests.house.bundled_options import bundled_authenticators, bundled_options
from tests.house.tree import ROOT

EXAMPLE = (ROOT / "config.example.toml").read_text()
ALL_OPTIONS: dict[str, type[Options]] = {
    **SECTIONS,
    **{f"plugins.{name}": cls for name, cls in bundled_options().items()},
}


def _settings(path: Path | None) -> Settings:
    sources = read_sources(path, {}, {})
    return build_settings(sources, bundled_options(), bundled_authenticators())


def _file(folder: Path, text: str) -> Path:
    path = folder / "agentbox.toml"
    path.write_text(text)
    return path


def _is_setting(line: str) -> bool:
    return re.match(r"#[^ #]", line) is not None


def _blocks() -> list[tuple[int, ...]]:
    """The commented settings to uncomment together: a commented table, or else a single line."""
    blocks: list[tuple[int, ...]] = []
    for number, line in enumerate(EXAMPLE.splitlines()):
        if not _is_setting(line):
            continue
        above = EXAMPLE.splitlines()[blocks[-1][0]] if blocks else ""
        if above.startswith("#[") and blocks[-1][-1] == number - 1:
            blocks[-1] = (*blocks[-1], number)
        else:
            blocks.append((number,))
    return blocks


def _uncommented(*numbers: int) -> str:
    """The example with these lines uncommented."""
    lines = EXAMPLE.splitlines()
    for number in numbers:
        lines[number] = lines[number].removeprefix("#")
    return "\n".join(lines) + "\n"


def _with_secrets(text: str) -> str:
    """The text with a new secret where the example leaves the place empty."""
    fresh = b64encode(secrets.token_bytes(32)).decode()
    text = text.replace('dsn = ""', 'dsn = "postgresql://agentbox@db.internal/agentbox"')
    return text.replace('= ""', f'= "{fresh}"')


def test_the_example_as_it_is_says_the_defaults(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _settings(ROOT / "config.example.toml") == _settings(None)


@pytest.mark.parametrize(
    "block", _blocks(), ids=lambda block: EXAMPLE.splitlines()[block[-1]].lstrip("#")
)
def test_each_commented_block_is_valid_when_it_is_uncommented(block, tmp_path: Path) -> None:
    _settings(_file(tmp_path, _with_secrets(_uncommented(*block))))


def test_all_commented_blocks_together_are_valid(tmp_path: Path) -> None:
    lines = [number for block in _blocks() for number in block]
    _settings(_file(tmp_path, _with_secrets(_uncommented(*lines))))


# OP-03: the example holds no secret that anybody could run with.
def test_the_example_leaves_secrets_empty_and_empty_ones_are_refused(tmp_path: Path) -> None:
    lines = [number for block in _blocks() for number in block]
    everything = _uncommented(*lines).replace(
        '["sqlite", ', '["sqlite", "postgres", "google", "oidc", "otlp", '
    )
    sources = read_sources(_file(tmp_path, everything), {}, {})
    faults = find_faults(sources, bundled_options(), bundled_authenticators())
    named = {match[1] for fault in faults if (match := re.search(r"\(([\w.-]+)\)", fault))}
    secrets = {
        f"{section}.{option.encode_name}"
        for section, cls in ALL_OPTIONS.items()
        for option in _options(cls)
        if is_secret(option.type)
    }
    # A fault inside a table of secrets, such as headers, names the one that it is about.
    assert {
        next((option for option in secrets if name.startswith(f"{option}.")), name)
        for name in named
    } == secrets


@pytest.mark.parametrize(
    ("section", "key"),
    [(section, f.encode_name) for section, cls in ALL_OPTIONS.items() for f in fields(cls)],
)
def test_every_setting_has_a_line(section: str, key: str) -> None:
    table = re.search(
        rf"^#?\[{re.escape(section)}\]\n(.*?)(?=^#?\[|\Z)", EXAMPLE, re.MULTILINE | re.DOTALL
    )
    assert table
    assert re.search(rf"^#?{key} = ", table[1], re.MULTILINE)


def _options(cls: type[Options]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return info.fields
