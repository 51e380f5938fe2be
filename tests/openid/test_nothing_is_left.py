"""Codes, states, nonces, verifiers, tokens and the client's secret: nowhere to be found later."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.wire import calls_to
from tests.live import ADMIN_PASSWORD, Answer, Live
from tests.openid.answers import BROKEN, of_json
from tests.openid.browser import Browser, parameters
from tests.openid.fake_provider import CLIENT_SECRET, FakeProvider
from tests.openid.scene import RETURN_TO, configuration
from tests.process import agentbox, environment, serving


class Left(NamedTuple):
    """What a server left behind, and what must not be in it."""

    canaries: set[str]
    log: str
    files: dict[str, bytes]
    rows: str
    refusals: list[Answer]


class Visit:
    """Sign-ins of all kinds at a server that is a process of its own."""

    def __init__(self, live: Live, provider: FakeProvider) -> None:
        self._live = live
        self._provider = provider
        self.canaries = {CLIENT_SECRET}
        self.refusals: list[Answer] = []

    def browser(self) -> Browser:
        return Browser(self._live.anonymous)

    async def everywhere(self) -> None:
        await self._signed_in(await self.browser().sign_in("fake"))
        await self._returned()
        await self._refused()
        self.canaries |= set(self._provider.given_out)

    async def _signed_in(self, answer: Answer) -> None:
        assert answer.status == 200, answer.text
        self.canaries |= {answer.body["token"], answer.body["refresh_token"]}

    async def _returned(self) -> None:
        verifier = secrets.token_urlsafe(48)
        self.canaries.add(verifier)
        for more in ({}, {"code_verifier": verifier}):
            browser = self.browser()
            challenge = {"code_challenge": _challenge(verifier)} if more else {}
            landed = await browser.sign_in("fake", return_to=RETURN_TO, **challenge)
            code = parameters(landed.headers["Location"])["code"]
            (secret,) = browser.cookies.values()
            self.canaries |= {code, secret}
            body = {"code": code, **more}
            await self._signed_in(await browser.ask("POST", "/api/v1/auth/exchange", json=body))
            self.refusals.append(await browser.ask("POST", "/api/v1/auth/exchange", json=body))

    async def _refused(self) -> None:
        fake = self._provider
        for callback in ({"iss": "https://evil.test"}, {"error": "access_denied"}, {"code": ""}):
            fake.callback = callback
            self.refusals.append(await self.browser().sign_in("fake"))
        fake.straighten()
        for place in ("token", "userinfo"):
            fake.claims = {"email": ..., "email_verified": ...}
            for answerer, _ in BROKEN.values():
                fake.instead = {place: answerer}
                self.refusals.append(await self.browser().sign_in("fake"))
        fake.instead = {"token": of_json({"error": "invalid_client"}, 401)}
        self.refusals.append(await self.browser().sign_in("fake"))
        fake.straighten()
        for changes in ({"nonce": "n"}, {"aud": "x"}, {"exp": 253_402_300_800}, {"sub": ""}):
            fake.claims = changes
            self.refusals.append(await self.browser().sign_in("fake"))
        fake.straighten()
        browser = self.browser()
        callback = await browser.returned("fake")
        self.refusals.append(await self.browser().ask("GET", callback))
        self.refusals.append(await browser.ask("GET", f"{callback}&state=twice"))
        posted = parameters(callback) | {"unknown": "field"}
        path = "/api/v1/auth/fake/callback"
        self.refusals.append(await browser.ask("POST", path, json=posted))


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture
async def left(tmp_path: Path, provider: FakeProvider) -> Left:
    """After sign-ins that held and others that did not, with all that can be logged."""
    config = configuration(tmp_path, provider)
    env = environment(
        AGENTBOX_ADMIN_PASSWORD=ADMIN_PASSWORD,
        AGENTBOX_SERVER__LOG_LEVEL="debug",
        AGENTBOX_SERVER__LOG_FORMAT="json",
    )
    with ExitStack() as stack:
        # In a thread: the provider, which is asked meanwhile, answers on this loop.
        start = serving(tmp_path, "--config", str(config), env=env)
        server = await asyncio.to_thread(stack.enter_context, start)
        async with calls_to(server.url) as live:
            visit = Visit(live, provider)
            await visit.everywhere()
        files = {f"{path.name} while running": path.read_bytes() for path in kept(tmp_path)}
        server.stop()
    files |= {path.name: path.read_bytes() for path in kept(tmp_path)}
    with closing(sqlite3.connect(tmp_path / "agentbox.db")) as database:
        named = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = [name for (name,) in database.execute(named)]
        rows = str([database.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables])
    return Left(visit.canaries, "".join(server.lines), files, rows, visit.refusals)


def kept(folder: Path) -> Iterator[Path]:
    """All that the server wrote; the settings are the operator's."""
    return (path for path in folder.iterdir() if path.is_file() and path.suffix != ".toml")


def forms_of(text: bytes) -> Iterator[bytes]:
    """As it is, and what is always the same of it in base64, wherever it begins."""
    yield text
    for before in range(3):
        whole = base64.b64encode(b"." * before + text)
        yield whole[4 if before else 0 : -4]


def test_a_secret_inside_of_something_in_base64_is_found() -> None:
    secret = secrets.token_urlsafe(32).encode()
    for before in range(4):
        packed = base64.b64encode(b"x" * before + secret + b"y" * 5)
        assert any(form in packed for form in forms_of(secret))


async def test_no_secret_of_a_sign_in_is_in_log_database_or_refusals(left: Left) -> None:
    # OB-01
    assert len(left.canaries) > 100
    assert '"event":"request"' in left.log
    assert '"reason":"id_token_nonce"' in left.log
    assert [answer.text for answer in left.refusals if answer.status < 400] == []
    places = {
        "log": left.log.encode(),
        "rows": left.rows.encode(),
        "refusals": "".join(f"{a.text}{dict(a.headers)}" for a in left.refusals).encode(),
        **left.files,
    }
    found = {
        (place, text)
        for text in left.canaries
        for place, data in places.items()
        if text and any(form in data for form in forms_of(text.encode()))
    }

    assert {place for place, _ in found} == set(), found


@pytest.mark.parametrize("command", [("config", "show"), ("check",), ("doctor",), ("plugins",)])
def test_no_command_shows_the_secret_of_a_client(
    folder: Path, command: tuple[str, ...]
) -> None:  # OB-01
    provider = FakeProvider("fake")
    provider.port = 1  # nobody is asked
    config = configuration(folder, provider)
    env = environment(AGENTBOX_DB_PATH=str(folder / "agentbox.db"))
    done = agentbox(folder, "--config", str(config), *command, env=env)
    shown = (done.stdout + done.stderr).encode()

    assert b"oidc" in shown or command == ("doctor",)
    assert not any(form in shown for form in forms_of(CLIENT_SECRET.encode()))
