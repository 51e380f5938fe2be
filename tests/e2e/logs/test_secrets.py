"""Secrets that pass through the server are nowhere to be found afterwards."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.backend import database_in
from tests.e2e.wire import calls_to
from tests.live import Answer, Caller, Live, live_server
from tests.process import environment, serving


def words() -> str:
    """A password that the policy takes and that stands nowhere else."""
    return f"canary-{secrets.token_hex(12)}-Quarry"


def files_of(folder: Path) -> dict[str, bytes]:
    """What a server keeps: the files of its folder, and its database wherever that is."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return files | {"database": database_in(folder).content()}


class Trail:
    """What a server left behind: its log, its answers, its files."""

    def __init__(self, canaries: Mapping[str, str], log: str, folder: Path, bodies: str) -> None:
        self.canaries = canaries
        self.log = log
        self.bodies = bodies
        self.database = database_in(folder)
        self.files = files_of(folder)

    def found_in(self, data: str | bytes) -> set[str]:
        """Names of the secrets that stand in `data`, as they are or in base64."""
        raw = data.encode() if isinstance(data, str) else data
        return {
            name
            for name, value in self.canaries.items()
            if value.encode() in raw or base64.b64encode(value.encode())[:-4] in raw
        }


class Visit:
    """Calls with every secret in every place that takes one, failures included."""

    def __init__(self, live: Live, canaries: dict[str, str]) -> None:
        self.live = live
        self.canaries = canaries
        self.answers: list[Answer] = []

    async def ask(self, caller: Caller, method: str, path: str, **options: Any) -> Answer:
        answer = await caller.request(method, path, **options)
        assert answer.status < 500
        self.answers.append(answer)
        return answer

    async def everywhere(self) -> list[Answer]:
        """The answers, but those that hand a secret out: logins and new keys."""
        nobody, given = self.live.anonymous, self.canaries
        first = self.first = await self.live.sign_in("admin", given["admin password"])
        body = {"username": "ada", "password": given["password"]}
        await self.ask(first, "POST", "/users", json=body)
        await self.ask(first, "POST", "/users", json=body)
        login = await nobody.post("/auth/login", body)
        given["token"] = login.body["token"]
        given["signature"] = login.body["token"].rpartition(".")[2]
        ada = self.live.with_token(login.body["token"])
        key, _ = await self.live.make_key(ada, scopes=["self:read", "api_keys:write"])
        given["key"], given["secret of the key"] = key, key.rpartition("_")[2]
        await self._failures(key)
        await self._limited_keys(ada)
        change = {"current_password": given["password"], "new_password": given["new password"]}
        await self.ask(ada, "POST", "/auth/change-password", json=change)
        await self.ask(ada, "POST", "/auth/logout")
        await self.ask(ada, "GET", "/auth/me")
        return self.answers

    async def _limited_keys(self, ada: Caller) -> None:
        """Keys that are refused for where they come from and how often, rotated, given up."""
        given = self.canaries
        fields = {"allowed_cidrs": ["192.0.2.0/24"], "scopes": ["api_keys:write"]}
        given["far key"], far = await self.live.make_key(ada, **fields)
        given["busy key"], busy = await self.live.make_key(ada, rate_limit="1/day")
        for name in ("far key", "busy key", "busy key"):
            await self.ask(self.live.with_key(given[name]), "GET", "/auth/me")
        rotated = await ada.post(f"/api-keys/{busy['id']}/rotate", {})
        given["rotated key"] = rotated.body["key"]
        await self.ask(ada, "PATCH", f"/api-keys/{far['id']}", json={"name": "far"})
        await self.ask(ada, "PATCH", f"/api-keys/{far['id']}", json={"rate_limit": given["key"]})
        robot = self.live.with_key(given["rotated key"])
        await self.ask(robot, "POST", "/api-keys/self/revoke")
        await self.ask(robot, "GET", "/auth/me")

    async def _failures(self, key: str) -> None:
        nobody, given = self.live.anonymous, self.canaries
        ada, robot = self.live.with_token(given["token"]), self.live.with_key(key)
        json_type = {"Content-Type": "application/json"}
        bad, password = given["wrong password"], given["password"]
        for body in (
            {"username": "ada", "password": bad},
            {"username": "nobody", "password": bad},
            {"username": bad, "password": bad},
            {"username": "ada", "password": [bad]},
            {"username": "ada", "password": bad, "extra": bad},
            {"username": {"password": bad}},
        ):
            await self.ask(nobody, "POST", "/auth/login", json=body)
        for misplaced in (
            {"username": "ida", "role": bad},
            {"username": "ida", "status": f"x' - at `$.{bad}`"},
            {"username": bad + " "},
            {"username": "ida", "email": bad},
        ):
            await self.ask(self.first, "POST", "/users", json=misplaced)
        await self.ask(self.first, "GET", f"/users?role={bad}")
        await self.ask(self.first, "GET", f"/users?sort={bad}&limit={bad}")
        await self.ask(ada, "POST", "/api-keys", json={"expires_at": bad, "expires_in": bad})
        broken = f'{{"username": "ada", "password": "{bad}", '.encode()
        await self.ask(nobody, "POST", "/auth/login", data=broken, headers=json_type)
        await self.ask(nobody, "POST", "/auth/login", data={"password": bad})
        for change in (
            {"current_password": bad, "new_password": given["new password"]},
            {"current_password": password, "new_password": password},
            {"current_password": password, "new_password": given["weak"] * 40},
            {"new_password": given["new password"]},
        ):
            await self.ask(ada, "POST", "/auth/change-password", json=change)
        token = given["token"]
        await self.ask(nobody, "GET", f"/auth/me?access_token={token}&api_key={key}")
        await self.ask(nobody, "GET", "/auth/me", headers={"Authorization": f"Basic {key}"})
        await self.ask(nobody, "GET", "/auth/me", headers={"Authorization": f"Bearer {token}x"})
        await self.ask(nobody, "GET", "/auth/me", headers={"X-API-Key": f"{key}x"})
        await self.ask(ada, "GET", "/auth/me", headers={"X-API-Key": key})
        await self.ask(nobody, "GET", "/auth/me", headers={"Cookie": f"token={token}"})
        await self.ask(nobody, "POST", "/api-keys", json={"key": key})
        await self.ask(robot, "GET", "/auth/me")
        for secret in (key, token):
            await self.ask(robot, "DELETE", f"/api-keys/{secret}")
            await self.ask(nobody, "GET", f"/{secret}")
            await self.ask(nobody, "GET", f"/{secret}/{secret}?x={secret}")
        await self.ask(robot, "GET", "/users")
        await self.ask(robot, "POST", "/auth/logout")
        await self.ask(robot, "POST", "/api-keys", json={"scopes": [key]})


@pytest.fixture
async def trail(tmp_path: Path) -> Trail:
    """The trail of a server that logs all it can, after a visit, stopped."""
    canaries = {
        "admin password": words(),
        "password": words(),
        "new password": words(),
        "wrong password": words(),
        "weak": words(),
        "HS256 secret": secrets.token_urlsafe(36),
        "root secret": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    env = environment(
        AGENTBOX_ADMIN_PASSWORD=canaries["admin password"],
        AGENTBOX_JWT_SECRET=canaries["HS256 secret"],
        AGENTBOX_SECRET_KEY=canaries["root secret"],
        AGENTBOX_SERVER__LOG_LEVEL="debug",
        AGENTBOX_SERVER__LOG_FORMAT="json",
    )
    with serving(tmp_path, env=env) as server:
        arguments = Path(f"/proc/{server.pid}/cmdline")
        shown = arguments.read_text() if arguments.exists() else ""
        async with calls_to(server.url) as live:
            answers = await Visit(live, canaries).everywhere()
        while_running = files_of(tmp_path)
        server.stop()
    bodies = "".join(answer.text + str(dict(answer.headers)) for answer in answers)
    left = Trail(canaries, "".join(server.lines) + shown, tmp_path, bodies)
    left.files |= {f"{name} while running": data for name, data in while_running.items()}
    return left


async def test_no_secret_is_in_log_answers_or_files(trail: Trail) -> None:
    # OB-01 AK-01 AK-07
    assert len(trail.canaries) == 14
    assert '"event":"request"' in trail.log
    for reason in ("address", "rate", "state"):
        assert f'"reason":"{reason}"' in trail.log
    assert trail.found_in(trail.log) == set()
    assert trail.found_in(trail.bodies) == set()
    assert {name: trail.found_in(data) for name, data in trail.files.items()} == {
        name: set() for name in trail.files
    }


async def test_no_secret_is_in_any_row(trail: Trail) -> None:
    # OB-01
    rows = trail.database.rows()

    assert len(rows["audit"]) >= 5
    assert {name: trail.found_in(repr(values)) for name, values in rows.items()} == {
        name: set() for name in rows
    }


async def test_the_search_finds_what_is_there(trail: Trail) -> None:
    for name, value in trail.canaries.items():
        assert trail.found_in(f"a log line with {value} in it") >= {name}


async def test_a_password_made_at_the_first_start_is_not_logged(tmp_path: Path) -> None:
    # OP-01
    with serving(tmp_path, env=environment(AGENTBOX_SERVER__LOG_LEVEL="debug")) as server:
        password = database_in(tmp_path).initial_password.read_text().strip()
        server.stop()

    assert len(password) >= 22
    assert password not in "".join(server.lines)
    with serving(tmp_path) as again:
        again.stop()
    assert password not in "".join(again.lines)
    assert "initial" not in "".join(again.lines)


@pytest.mark.sqlite_alone("the files of a database")
async def test_files_of_a_server_are_its_owners_alone(tmp_path: Path) -> None:
    # ST-11
    async with live_server(tmp_path):
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}

    assert "agentbox.db.key" in modes
    assert set(modes.values()) == {0o600}
