"""What `agentbox doctor` tells, item by item."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal

from msgspec import Struct

Verdict = Literal["ok", "warning", "problem"]


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was looked at: `about` is dotted, as in `files.database`.

    A `problem` is to be put right now; a `warning` is for the operator to judge. Either has a
    `remedy`: one sentence, a command where there is one.
    """

    about: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def private_file(about: str, path: Path) -> Finding:
    """Whether only its owner can read and write a file. Raises OSError where it can't be looked at.

    A group is often one person's own, so what it may read is a warning and no more.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    remedy = f"Run: chmod 600 {path}"
    told = f"{path} ({mode:04o})"
    if mode & stat.S_IWOTH:
        return _problem(about, f"Anybody on this machine may change {told}.", remedy)
    if mode & stat.S_IROTH:
        return _problem(about, f"Anybody on this machine may read {told}.", remedy)
    if mode & (stat.S_IRGRP | stat.S_IWGRP):
        detail = f"The group of {told} may read or change it."
        return Finding(about=about, verdict="warning", detail=detail, remedy=remedy)
    return Finding(about=about, verdict="ok", detail=f"Only its owner reads {told}.")


def unreplaceable(about: str, folder: Path) -> Finding:
    """Whether nobody else can put another file in the place of one in `folder`. Raises OSError."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return _problem(
            about,
            f"Anybody on this machine may replace files in {folder} ({mode:04o}).",
            f"Run: chmod o-w {folder}",
        )
    return Finding(about=about, verdict="ok", detail=f"Others replace no files in {folder}.")


def _problem(about: str, detail: str, remedy: str) -> Finding:
    return Finding(about=about, verdict="problem", detail=detail, remedy=remedy)
