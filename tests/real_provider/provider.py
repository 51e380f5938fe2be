"""The certified provider as a process of its own, told what to do over its standard input."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.openid.fake_provider import CLIENT_SECRET
from tests.postgres import absent

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "node_modules" / "oidc-provider"

CLIENT_ID = "agentbox at the certified one"

PATIENCE = 60.0
"""Seconds for a line; a start takes less than one on an idle machine."""


class RealProvider:
    """A running provider; `id` is its name in addresses of agentbox."""

    id = "certified"

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self.issuer: str = self._line()["issuer"]

    @property
    def settings(self) -> Mapping[str, Any]:
        """What `[plugins.oidc.providers.certified]` says of it."""
        return {
            "issuer": self.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "insecure_http": True,
            "auto_provision": True,
        }

    def rotate(self, *, keep: bool) -> str:
        """Sign with another key from now on; `keep` publishes the old ones besides. Its kid."""
        return str(self._tell("rotate", keep=keep)["kid"])

    def set_person(self, sub: str, **claims: Any) -> None:
        """Add a person, or change what is said of one."""
        self._tell("person", sub=sub, **claims)

    def spend(self, code: str) -> None:
        """Use up a code, as though somebody had been quicker."""
        self._tell("spend", code=code)

    def asked(self) -> dict[str, int]:
        """How often each path was asked for since this or `refused` was called last."""
        return dict(self._tell("seen")["asked"])

    def refused(self) -> Sequence[str]:
        """Why the token endpoint refused, in its own words; since when, see `asked`."""
        return list(self._tell("seen")["refused"])

    def _tell(self, command: str, **rest: Any) -> Mapping[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **rest}) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Mapping[str, Any]:
        """The next line, which answers what was told last: there is never another one waiting."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        text = self._process.stdout.readline() if ready else ""
        if not text:
            raise AssertionError(f"the provider says nothing: {self._log.read_text()}")
        return dict(json.loads(text))


@contextmanager
def real_provider(folder: Path, **given: Any) -> Iterator[RealProvider]:
    """A provider with what provider.mjs may be `given`; its log is in `folder`."""
    node = shutil.which("node")
    if node is None:
        absent("there is no node here, which the certified provider runs on")
    if not LIBRARY.is_dir():
        absent("oidc-provider is not installed: make ci-deps, with npm")
    argument = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "driven": True, **given}
    log = folder / "provider.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [node, str(FOLDER / "provider.mjs"), json.dumps(argument)],
            env={"PATH": os.environ.get("PATH", "")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield RealProvider(process, log)
    finally:
        process.kill()
        process.wait(timeout=PATIENCE)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
