"""Two small plugins' options, and settings made from a text and variables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from agentbox.config import Settings, Sources, build_settings, find_faults, read_sources
from agentbox.plugin.options import NoOptions, Options, Secret


class Provider(Options, frozen=True):
    issuer: str
    client_secret: Secret | None = None
    every: timedelta = timedelta(seconds=30)


class JwtOptions(Options, frozen=True):
    secret: Secret | None = None
    leeway: timedelta = timedelta(0)
    size: Annotated[int, Meta(ge=1, le=9)] = 2
    key_file: Path | None = None
    names: tuple[str, ...] = ()
    providers: dict[str, Provider] = msgspec.field(default_factory=dict)

    def check(self) -> list[str]:
        weak = self.secret is not None and self.secret.reveal() == "weak"
        faults = ["secret is weak"] if weak else []
        for name, provider in self.providers.items():
            if provider.issuer == "bad":
                faults.append(f"providers.{name}.issuer is bad")
            if name.startswith("bad"):
                faults.append(f"providers.{name} is bad")
            if provider.every == timedelta(seconds=30) and name == "slow":
                faults.append(f"providers.{name}.every is too long")
        return faults


class SqliteOptions(Options, frozen=True):
    path: Path = Path("agentbox.db")


OPTION_TYPES: Mapping[str, type[Options]] = {
    "sqlite": SqliteOptions,
    "password": NoOptions,
    "jwt": JwtOptions,
    "apikey": NoOptions,
    "metrics": NoOptions,
}
AUTHENTICATOR_TYPES = {"password": "password", "jwt": "jwt", "apikey": "apikey"}


class Place:
    """An empty working directory with, perhaps, a settings file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file: Path | None = None

    def write(self, text: str) -> None:
        """Make `settings.toml` hold the text and be the settings file."""
        self.file = Path("settings.toml")
        (self.folder / self.file).write_text(text)
        (self.folder / self.file).chmod(0o600)

    def secret_file(self, name: str, text: str, mode: int = 0o600) -> str:
        """A file with the text; its path."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def sources(self, environ: Mapping[str, str] = {}, **overrides: object) -> Sources:
        """The first pass; `server__port=1` overrides `server.port`."""
        dotted = {name.replace("__", "."): value for name, value in overrides.items()}
        return read_sources(self.file, environ, dotted)

    def settings(self, environ: Mapping[str, str] = {}, **overrides: object) -> Settings:
        """Both passes."""
        sources = self.sources(environ, **overrides)
        return build_settings(sources, OPTION_TYPES, AUTHENTICATOR_TYPES)

    def faults(self, environ: Mapping[str, str] = {}, **overrides: object) -> list[str]:
        """The faults of both passes."""
        sources = self.sources(environ, **overrides)
        return list(find_faults(sources, OPTION_TYPES, AUTHENTICATOR_TYPES))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)
