"""An environment with agentbox's wheel and strangers' wheels in it, and a server there."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from agentbox.model.secret import Secret
from tests.house.tree import ROOT
from tests.wheels import build_wheel

EXAMPLE = ROOT / "tests" / "thirdparty" / "agentbox-example"
SECRET = "a secret that both sides have, and nobody else"
PASSWORD = "walnut-ember-quarry-71"
START_LIMIT = 30.0

ROGUE_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "agentbox-rogue"
version = "6.6.6"

[project.entry-points.agentbox]
rogue = "agentbox_rogue"
"""
ROGUE_MODULE = "import os\n\nopen(os.environ['CANARY'], 'w').close()\n"


class Installation(NamedTuple):
    """A new environment with some wheels in it, and where its server keeps its things."""

    bin: Path
    folder: Path
    canary: Path

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTBOX_", "PYTHON"))}
        return kept | {
            "AGENTBOX_ADMIN_PASSWORD": PASSWORD,
            "AGENTBOX_PLUGINS__EXAMPLE__SECRET": SECRET,
            "CANARY": str(self.canary),
        }

    def run(self, *arguments: str) -> str:
        """A command of the installed agentbox; what it prints."""
        command = [str(self.bin / "agentbox"), "--config", str(EXAMPLE / "agentbox.toml")]
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: Any


class Server(NamedTuple):
    """The running server, and its super_admin."""

    url: str
    user_id: str
    token: str

    def call(self, method: str, path: str, credential: str = "", body: object = None) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            text = response.read()
            return Answer(response.status, dict(response.headers), json.loads(text))
        finally:
            connection.close()

    def ticket(self, *, secret: str = SECRET, lasts: timedelta = timedelta(minutes=1)) -> str:
        make_ticket = _example("tickets")["make_ticket"]
        return str(make_ticket(Secret(secret), self.user_id, datetime.now(UTC) + lasts))


def _example(module: str) -> dict[str, Any]:
    """A module of the example; the test's own environment does not have it installed."""
    source = (EXAMPLE / "src" / "agentbox_example" / f"{module}.py").read_text()
    names: dict[str, Any] = {"__name__": f"agentbox_example.{module}"}
    exec(compile(source, module, "exec"), names)
    return names


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("stranger")
    rogue = folder / "rogue"
    rogue.mkdir()
    (rogue / "pyproject.toml").write_text(ROGUE_PROJECT)
    (rogue / "agentbox_rogue.py").write_text(ROGUE_MODULE)
    sources = {"agentbox": ROOT, "example": EXAMPLE, "rogue": rogue}
    sources |= {name: EXAMPLE.with_name(f"agentbox-{name}") for name in ("csv", "spool")}
    wheels = [build_wheel(source, folder / f"{name}-wheel") for name, source in sources.items()]
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    scripts = folder / "venv" / "bin"
    pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--quiet", "--no-index", "--no-deps", *map(str, wheels)], check=True)
    _lend_dependencies(scripts)
    return Installation(scripts, folder, folder / "canary")


def _lend_dependencies(scripts: Path) -> None:
    """Dependencies come from the environment that runs the tests, so that no network is needed.

    Its folder goes behind the new environment's own, and `.pth` files in it are not read, so an
    editable agentbox that is installed there is not seen.
    """
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    told = subprocess.run(
        [scripts / "python", "-c", ask], check=True, capture_output=True, text=True
    ).stdout
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(told.strip()) / "lent.pth").write_text("\n".join(sorted(lent)) + "\n")


@pytest.fixture(scope="session")
def server(installation: Installation) -> Iterator[Server]:
    log = installation.folder / "log"
    serve = [str(installation.bin / "agentbox"), "serve", "--port", "0"]
    with log.open("w") as lines:
        process = subprocess.Popen(
            [*serve, "--config", str(EXAMPLE / "agentbox.toml")],
            cwd=installation.folder,
            env=installation.environment(),
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=lines,
        )
    try:
        yield _signed_in(_url(process, log))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(
            r'"listening".*?(http://[^"\s]+)|"url":\s*"([^"]+)"', log.read_text()
        ):
            return found[1] or found[2]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def _signed_in(url: str) -> Server:
    login = {"username": "admin", "password": PASSWORD}
    answer = Server(url, "", "").call("POST", "/api/v1/auth/login", body=login)
    assert answer.status == 200, answer
    return Server(url, answer.body["user"]["id"], answer.body["token"])
