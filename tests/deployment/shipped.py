"""The files of docs/deployment, with nothing changed but places and ports."""

from __future__ import annotations

import random
import shlex
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.house.tree import ROOT

FOLDER = ROOT / "docs" / "deployment"
HOST = "auth.example.org"
PORTS = (8081, 8082, 8083)

_BELOW_WHAT_CLIENTS_ARE_GIVEN = range(20_000, 32_000)


def text_of(name: str, changes: Mapping[str, str] | None = None) -> str:
    """A shipped file; each of `changes` must have something to change."""
    text = (FOLDER / name).read_text()
    for old, new in (changes or {}).items():
        assert old in text, f"{name} has no {old}"
        text = text.replace(old, new)
    return text


def variables(text: str) -> dict[str, str]:
    """What an environment file says, as systemd and a shell both read it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    pairs = [line.split("=", 1) for line in lines]
    return {name: " ".join(shlex.split(value)) for name, value in pairs}


def free_ports(count: int) -> Sequence[int]:
    """Ports that nobody listens on, and that no outgoing connection is given meanwhile."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(_BELOW_WHAT_CLIENTS_ARE_GIVEN)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def write_private(path: Path, text: str) -> Path:
    """A file for its owner alone."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path
