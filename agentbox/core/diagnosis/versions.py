"""Versions with known faults: distributions below the floors of this one (SU-01)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version

from agentbox.plugin.findings import Finding

DISTRIBUTION = "agentbox-server"
NO_EXTENSIONS = "AIOHTTP_NO_EXTENSIONS"

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)[^;>]*>=(?P<floor>[0-9.]+)[^;]*(?P<marker>;.*)?"
)


def version_findings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Every dependency that is older than what this version was released with as its oldest.

    The floors are those of the installed package: they name the first versions without the faults
    that were known.
    """
    wanted = floors()
    old = [finding for name, floor in wanted.items() for finding in _compared(name, floor)]
    yield from old
    if not old:
        detail = f"All {len(wanted)} dependencies are as new as they have to be."
        yield Finding(about="versions.dependencies", verdict="ok", detail=detail)
    if environ.get(NO_EXTENSIONS):
        yield Finding(
            about="versions.aiohttp_extensions",
            verdict="warning",
            detail=f"{NO_EXTENSIONS} is set, so HTTP is parsed in Python, slower and less strictly "
            "than by the parser that is tested.",
            remedy=f"Unset {NO_EXTENSIONS}.",
        )


def floors() -> Mapping[str, str]:
    """The oldest version that will do of each dependency, by name, without those of extras."""
    found = [_REQUIREMENT.match(line) for line in requires(DISTRIBUTION) or ()]
    return {
        match["name"]: match["floor"]
        for match in found
        if match and "extra ==" not in (match["marker"] or "")
    }


def _compared(name: str, floor: str) -> Iterator[Finding]:
    try:
        there = version(name)
    except PackageNotFoundError:
        return  # one for another system
    if _numbers(there) < _numbers(floor):
        yield Finding(
            about=f"versions.{name.lower()}",
            verdict="warning",
            detail=f"{name} {there} is older than {floor}, and has faults that are known.",
            remedy=f"Install what requirements/runtime.txt pins, or: pip install '{name}>={floor}'",
        )


def _numbers(text: str) -> tuple[int, ...]:
    """`3.14.1rc1` as (3, 14, 1): enough to tell what is below a floor."""
    match = re.match(r"[0-9]+(?:\.[0-9]+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()
