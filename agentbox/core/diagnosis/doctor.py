"""Everything that `agentbox doctor` looks at, in its order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from agentbox.core.diagnosis.database import database_findings
from agentbox.core.diagnosis.settings import settings_findings
from agentbox.core.diagnosis.versions import version_findings
from agentbox.core.startup import Assembly
from agentbox.plugin.findings import Finding, private_file, unreplaceable
from agentbox.plugin.storage import Storage


async def examine(
    assembly: Assembly, storage: Storage, environ: Mapping[str, str]
) -> Sequence[Finding]:
    """All findings; makes no database, no key and no schema.

    Files are looked at before the database is opened, which makes some of them private.
    """
    findings = [
        *version_findings(environ),
        *settings_findings(assembly),
        *_files(assembly, storage),
        *storage.examine(connect=True),
    ]
    return [*findings, *[found async for found in database_findings(assembly, storage)]]


def _files(assembly: Assembly, storage: Storage) -> Iterator[Finding]:
    path = assembly.sources.path
    if path is not None:
        yield from _looked_at("files.settings", path.absolute().parent, unreplaceable)
        yield from _looked_at("files.settings", path, _unchangeable)
    key = storage.default_secret_path
    if key is not None and assembly.settings.server.secret_key is None and key.exists():
        yield from _looked_at("files.root_secret", key, private_file)
    password = storage.initial_password_path
    if password is not None and password.exists():
        yield Finding(
            about="files.initial_password",
            verdict="warning",
            detail=f"The first password still lies in {password}.",
            remedy="Sign in with it and change it; the file goes with the change.",
        )


def _unchangeable(about: str, path: Path) -> Finding:
    """Settings may be read; the configuration warns where others read secrets in them."""
    found = private_file(about, path)
    if "change" in found.detail:
        return found
    return Finding(about=about, verdict="ok", detail=f"Others don't change {path}.")


def _looked_at(about: str, path: Path, look: Callable[[str, Path], Finding]) -> Iterator[Finding]:
    try:
        yield look(about, path)
    except OSError as error:
        yield Finding(
            about=about,
            verdict="problem",
            detail=f"{path} can't be looked at: {error.strerror}.",
            remedy="Run this as the user that the server runs as.",
        )
