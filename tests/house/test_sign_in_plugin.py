"""The plugin of docs/plugins/sign-in-methods.md, as it stands on the page, with a site to ask."""

from __future__ import annotations

import http.client
import json
import threading
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

import pytest

from tests.house.tree import ROOT
from tests.process import STRONG_PASSWORD, ServerProcess, agentbox, environment, serving
from tests.wheels import build_wheel

SOURCE = ROOT / "tests" / "thirdparty" / "agentbox-clubhouse"
CLIENT = ("agentbox", "what only the two of us know")
CALLBACK = "http://127.0.0.1:8080/api/v1/auth/clubhouse/callback"


class Clubhouse(BaseHTTPRequestHandler):
    """The forum: whoever comes is the member 7, if the code is shown with its verifier."""

    challenges: ClassVar[dict[str, str]] = {}
    member: ClassVar[dict[str, Any]] = {"id": 7, "nickname": "ada"}

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        digest = sha256(form["code_verifier"][0].encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        pair = b64decode(self.headers["Authorization"].partition(" ")[2]).decode()
        known = pair.startswith(f"{CLIENT[0]}:") and form["redirect_uri"] == [CALLBACK]
        if known and self.challenges.pop(form["code"][0], None) == challenge:
            self._answer(200, {"access_token": "for /me", "token_type": "Bearer"})
        else:
            self._answer(400, {"error": "invalid_grant"})

    def do_GET(self) -> None:
        good = self.path == "/me" and self.headers["Authorization"] == "Bearer for /me"
        self._answer(200 if good else 401, self.member if good else {})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing; the tests' output is for the tests."""


class Place(NamedTuple):
    """The server with the plugin, where it keeps its things, and the settings it runs by."""

    server: ServerProcess
    folder: Path
    settings: dict[str, str]

    def get(self, path: str, cookie: str = "") -> http.client.HTTPResponse:
        """The answer, read to its end into `answer.text`."""
        connection = http.client.HTTPConnection(urlsplit(self.server.url).netloc, timeout=20)
        try:
            connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
            answer = connection.getresponse()
            answer.text = answer.read().decode()  # type: ignore[attr-defined]
            return answer
        finally:
            connection.close()

    def sign_in(self, *, ask: str = "", **answered: str) -> tuple[int, Any]:
        """Begin, be let in by the forum unless `answered` says otherwise, and come back."""
        begun = self.get(f"/api/v1/auth/clubhouse/login{ask}")
        sent = {k: v[0] for k, v in parse_qs(urlsplit(begun.headers["Location"]).query).items()}
        assert sent["redirect_uri"] == CALLBACK
        Clubhouse.challenges["a-code"] = sent["code_challenge"]
        back = answered or {"code": "a-code"}
        query = "&".join(f"{name}={text}" for name, text in back.items())
        cookie = begun.headers["Set-Cookie"].partition(";")[0]
        answer = self.get(f"{urlsplit(CALLBACK).path}?state={sent['state']}&{query}", cookie)
        return answer.status, json.loads(answer.text)  # type: ignore[attr-defined]


@contextmanager
def forum() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Clubhouse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clubhouse")
    with ZipFile(build_wheel(SOURCE, folder / "wheel")) as wheel:
        wheel.extractall(folder / "site")
    with forum() as site:
        settings = environment(
            AGENTBOX_PLUGINS__ENABLED="sqlite,password,jwt,apikey,clubhouse",
            AGENTBOX_PLUGINS__CLUBHOUSE__SITE=site,
            AGENTBOX_PLUGINS__CLUBHOUSE__CLIENT_ID=CLIENT[0],
            AGENTBOX_PLUGINS__CLUBHOUSE__CLIENT_SECRET=CLIENT[1],
            AGENTBOX_ADMIN_PASSWORD=STRONG_PASSWORD,
            PYTHONPATH=str(folder / "site"),
        )
        with serving(folder, env=settings) as running:
            yield Place(running, folder, settings)


def test_it_is_written_in_about_eighty_lines() -> None:
    lines = (SOURCE / "agentbox_clubhouse.py").read_text().splitlines()

    assert len([line for line in lines if line.strip()]) <= 80


def test_a_member_signs_in_and_is_a_viewer(place: Place) -> None:
    status, answer = place.sign_in()

    assert (status, answer["user"]["username"], answer["user"]["role"]) == (200, "ada", "viewer")


def test_the_second_time_it_is_the_same_user(place: Place) -> None:
    (_, first), (_, second) = place.sign_in(), place.sign_in()

    assert first["user"]["id"] == second["user"]["id"]


def test_who_says_no_there_is_refused_here(place: Place) -> None:
    status, answer = place.sign_in(error="access_denied")

    assert (status, answer["error"]) == (401, "invalid_grant")


def test_a_code_of_somebody_else_is_refused(place: Place) -> None:
    status, answer = place.sign_in(code="another")

    assert (status, answer["error"]) == (401, "invalid_grant")


def test_a_member_can_not_be_fresh(place: Place) -> None:
    """The forum does not say when somebody gave a password there."""
    status, answer = place.sign_in(ask="?fresh=true")

    assert (status, answer["error"]) == (401, "invalid_grant")


def test_an_answer_that_says_nobody_is_503(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clubhouse, "member", {"id": None})

    status, answer = place.sign_in()

    assert (status, answer["error"]) == (503, "authenticator_unavailable")


def test_check_tells_the_address_to_register(place: Place) -> None:
    told = agentbox(place.folder, "check", env=place.settings)

    assert f"register {CALLBACK} there" in told.stdout + told.stderr
