"""A stranger's plugin: built, installed with plain pip beside agentbox's wheel, used over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
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

pytestmark = pytest.mark.xdist_group("thirdparty")

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
    """A new environment with three wheels in it, and where its server keeps its things."""

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


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("stranger")
    rogue = folder / "rogue"
    rogue.mkdir()
    (rogue / "pyproject.toml").write_text(ROGUE_PROJECT)
    (rogue / "agentbox_rogue.py").write_text(ROGUE_MODULE)
    sources = {"agentbox": ROOT, "example": EXAMPLE, "rogue": rogue}
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


@pytest.fixture(scope="module")
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


def test_the_server_runs_from_the_wheel_alone(installation: Installation) -> None:
    ask = "import agentbox, agentbox_example; print(agentbox.__file__, agentbox_example.__file__)"
    done = subprocess.run(
        [installation.bin / "python", "-c", ask],
        cwd=installation.folder,
        env=installation.environment(),
        check=True,
        capture_output=True,
        text=True,
    )

    assert all(p.startswith(str(installation.bin.parent)) for p in done.stdout.split())


def test_a_ticket_is_recognised(server: Server) -> None:
    answer = server.call("GET", "/api/v1/auth/me", server.ticket())

    assert (answer.status, answer.body["id"]) == (200, server.user_id)


def test_a_ticket_of_somebody_elses_making_is_401(server: Server) -> None:
    answer = server.call("GET", "/api/v1/auth/me", server.ticket(secret="x" * 32))

    assert (answer.status, answer.body["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_ticket_that_ran_out_is_401(server: Server) -> None:
    old = server.ticket(lasts=timedelta(seconds=-5))

    assert server.call("GET", "/api/v1/auth/me", old).status == 401


def test_a_ticket_for_a_user_that_is_not_there_is_401(server: Server) -> None:  # PL-04
    stranger = server._replace(user_id="nobody").ticket()

    assert server.call("GET", "/api/v1/auth/me", stranger).status == 401


def test_a_ticket_is_no_session(server: Server) -> None:
    body = {"current_password": PASSWORD, "new_password": "harbor-violet-summit-39"}
    answer = server.call("POST", "/api/v1/auth/change-password", server.ticket(), body)

    assert (answer.status, answer.body["error"]) == (403, "session_required")


def test_the_route_answers_with_the_configured_greeting(server: Server) -> None:
    answer = server.call("GET", "/api/v1/x/example/hello", server.ticket())

    assert (answer.status, answer.body["message"]) == (200, "Good day, admin!")


def test_the_route_wants_a_credential(server: Server) -> None:
    assert server.call("GET", "/api/v1/x/example/hello").status == 401


@pytest.mark.parametrize(
    ("scopes", "status"), [(["self:read"], 403), (["self:read", "example:greet"], 200)]
)
def test_the_route_wants_its_scope(server: Server, scopes: list[str], status: int) -> None:
    made = server.call("POST", "/api/v1/api-keys", server.token, {"scopes": scopes})
    assert made.status == 201, made

    answer = server.call("GET", "/api/v1/x/example/hello", made.body["key"])

    assert answer.status == status
    assert answer.body.get("scope") == (None if status == 200 else "example:greet")


def test_the_scope_is_no_default_of_a_key(server: Server) -> None:
    made = server.call("POST", "/api/v1/api-keys", server.token, {"name": "plain"})

    assert "example:greet" not in made.body["scopes"]


def test_the_job_runs(server: Server) -> None:
    deadline = time.monotonic() + 20
    answer = server.call("GET", "/api/v1/x/example/hello", server.ticket())
    while "open_since" not in answer.body and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = server.call("GET", "/api/v1/x/example/hello", server.ticket())

    assert datetime.fromisoformat(answer.body["open_since"]).tzinfo is not None


def test_the_api_document_has_the_route(server: Server) -> None:
    document = server.call("GET", "/openapi.json").body

    assert document["paths"]["/api/v1/x/example/hello"]["get"]["summary"] == "Be greeted by name"


def test_a_plugin_that_is_installed_and_not_enabled_is_not_imported(
    server: Server, installation: Installation
) -> None:  # PL-05
    listed = json.loads(installation.run("plugins", "--json"))["plugins"]

    rogue = next(plugin for plugin in listed if plugin["name"] == "rogue")
    assert (rogue["distribution"], rogue["version"]) == ("agentbox-rogue", "6.6.6")
    assert not rogue["enabled"]
    assert not installation.canary.exists()


def test_the_canary_sings_when_the_plugin_is_imported(
    installation: Installation, tmp_path: Path
) -> None:
    environment = installation.environment() | {"CANARY": str(tmp_path / "canary")}
    ask = [installation.bin / "python", "-c", "import agentbox_rogue"]
    subprocess.run(ask, env=environment, cwd=tmp_path, check=True)

    assert (tmp_path / "canary").exists()


def test_the_start_is_logged_with_where_each_plugin_comes_from(
    server: Server, installation: Installation
) -> None:  # PL-05
    assert "example (agentbox-example 0.1.0)" in (installation.folder / "log").read_text()


def test_the_plugin_stands_in_the_chain_where_the_configuration_has_it(
    installation: Installation,
) -> None:  # PL-04
    chain = json.loads(installation.run("plugins", "--json"))["authenticators"]

    assert [link["plugin"] for link in chain] == ["password", "jwt", "apikey", "example"]


def test_the_examples_own_tests_pass(installation: Installation) -> None:
    pytest_there = [installation.bin / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_there, "-c", EXAMPLE / "pyproject.toml", EXAMPLE / "tests"],
        cwd=installation.folder,
        env=installation.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_the_example_imports_the_front_door_only() -> None:
    sources = (EXAMPLE / "src").rglob("*.py")
    imported = [
        line.split()[1]
        for source in sources
        for line in source.read_text().splitlines()
        if re.match(r"\s*(from|import) agentbox\b", line)
    ]

    front_door = ("agentbox.plugin", "agentbox.model", "agentbox.errors")
    assert imported
    assert [name for name in imported if not name.startswith(front_door)] == []


def test_the_commands_of_the_page_work_as_they_stand(
    server: Server, installation: Installation
) -> None:
    page = (ROOT / "docs" / "plugins" / "first-plugin.md").read_text()
    commands = [line[2:] for line in page.splitlines() if line.startswith("$ ")]
    assert "agentbox serve" in commands  # the fixture's server, with the same settings
    environment = installation.environment() | {
        "AGENTBOX_CONFIG": "agentbox-example/agentbox.toml",
        "PATH": f"{installation.bin}{os.pathsep}{os.environ['PATH']}",
        # no network: hatchling is there, and so is everything else
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    script = "\n".join(["set -eu", *(line for line in commands if line != "agentbox serve")])
    script = script.replace("http://127.0.0.1:8080", server.url)
    script = script.replace("$(agentbox secret new)", f"'{SECRET}'")
    shutil.copytree(EXAMPLE, installation.folder / "agentbox-example")

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=installation.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["message"] == "Good day, admin!"
