"""The smallest plugin of docs/plugins/first-plugin.md, as it stands on the page."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.house.tree import ROOT
from tests.process import STRONG_PASSWORD, ServerProcess, environment, serving
from tests.wheels import build_wheel

PAGE = (ROOT / "docs" / "plugins" / "first-plugin.md").read_text()
PAGE = PAGE.partition("\n## A bigger one\n")[0]
FILES = {
    Path(name).name: text
    for name, text in re.findall(r"^<!-- (.*?) -->\n```\w+\n(.*?)^```$", PAGE, re.M | re.S)
}
INSTALL, SERVE, CURL = re.findall(r"^\$ (.*)$", PAGE, re.M)
PATH = urlsplit(CURL.split()[-1]).path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of the page's second command, with what its first one would install."""
    folder = tmp_path_factory.mktemp("smallest")
    source = folder / INSTALL.rpartition("/")[2]
    source.mkdir()
    for name, text in FILES.items():
        (source / name).write_text(text)
    with zipfile.ZipFile(build_wheel(source, folder / "wheel")) as wheel:
        wheel.extractall(folder / "site")
    name, _, value = shlex.split(SERVE)[0].partition("=")
    settings = environment(
        **{name: value},
        AGENTBOX_ADMIN_PASSWORD=STRONG_PASSWORD,
        PYTHONPATH=str(folder / "site"),
    )
    with serving(folder, env=settings) as running:
        yield running


def call(server: ServerProcess, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    headers = {"Content-Type": "application/json"} | headers
    try:
        sent = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, sent, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_it_is_written_in_about_twenty_lines() -> None:
    lines = FILES["agentbox_hello.py"].splitlines()

    assert len([line for line in lines if line.strip()]) <= 20


def test_it_greets_who_holds_a_key(server: ServerProcess) -> None:
    login = {"username": "admin", "password": STRONG_PASSWORD}
    _, session = call(server, "/api/v1/auth/login", login)
    bearer = f"Bearer {session['token']}"
    _, made = call(server, "/api/v1/api-keys", {"name": "k"}, Authorization=bearer)

    answer = call(server, PATH, **{"X-API-Key": made["key"]})

    assert answer == (200, {"message": "Hello, admin!"})


def test_it_greets_nobody_else(server: ServerProcess) -> None:
    status, _ = call(server, PATH)

    assert status == 401
