"""Settings that change what clients hold: the signing secret, the prefix of keys, lifetimes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backend import CHOSEN
from tests.e2e.people import People, Template
from tests.live import ShiftedClock, live_server

SECRET = {"AGENTBOX_JWT_SECRET": "Zk3v9Qm1Xr7Lw5Tb2Nc8Hd4Jf6Gs0Pa-Yu_Ei"}


async def test_with_a_shared_secret_the_key_set_is_empty_and_old_tokens_hold(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path, environ=SECRET) as live:
        people = People(live, template)

        assert (await live.anonymous.get("/.well-known/jwks.json")).body == {"keys": []}
        assert (await people.user.caller.get("/auth/me")).status == 200
        fresh = await live.sign_in(people.user.username)
        assert (await fresh.get("/auth/me")).status == 200
        token = fresh.headers["Authorization"].removeprefix("Bearer ")

    async with live_server(tmp_path) as live:
        assert (await live.with_token(token).get("/auth/me")).status == 401
        assert (await People(live, template).user.caller.get("/auth/me")).status == 200


async def test_another_secret_makes_tokens_worthless(template: Template, tmp_path: Path) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path, environ=SECRET) as live:
        token = (await live.sign_in("user.person")).headers["Authorization"]
    other = {"AGENTBOX_JWT_SECRET": SECRET["AGENTBOX_JWT_SECRET"][::-1]}

    async with live_server(tmp_path, environ=other) as live:
        answer = await live.anonymous.get("/auth/me", headers={"Authorization": token})

    assert (answer.status, answer.error) == (401, "invalid_token")


@pytest.mark.parametrize(("accepted", "status"), [("ak_live_", 200), (None, 401)])
async def test_keys_with_an_earlier_prefix(
    template: Template, tmp_path: Path, accepted: str | None, status: int
) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path) as live:
        old = await People(live, template).user.key()

    environ = {
        "AGENTBOX_API_KEY_PREFIX": "acme_",
        "AGENTBOX_API_KEYS__ACCEPTED_PREFIXES": accepted,
    }
    async with live_server(tmp_path, environ=environ) as live:
        new = await People(live, template).user.key()

        assert new.startswith("acme_")
        assert (await live.with_key(new).get("/auth/me")).status == 200
        assert (await live.with_key(old).get("/auth/me")).status == status
        assert (await live.with_token(old).get("/auth/me")).status == status


async def test_a_token_lasts_as_long_as_is_set(template: Template, tmp_path: Path) -> None:
    template.copy_to(tmp_path)
    clock = ShiftedClock()
    environ = {"AGENTBOX_JWT_EXPIRY": "8h"}
    async with live_server(tmp_path, environ=environ, clock=clock) as live:
        body = {"username": "user.person", "password": "copper-lantern-orbit-28"}
        answer = await live.anonymous.post("/auth/login", body)
        caller = live.with_token(answer.body["token"])
        assert answer.body["expires_in"] == 8 * 3600
        clock.advance(8 * 3600 - 60)
        assert (await caller.get("/auth/me")).status == 200
        clock.advance(120)
        assert (await caller.get("/auth/me")).status == 401


async def test_an_issuer_of_another_name_is_another_issuer(
    template: Template, tmp_path: Path
) -> None:
    # JWT-07
    template.copy_to(tmp_path)
    environ = {"AGENTBOX_PUBLIC_URL": "http://127.0.0.1:9090"}
    async with live_server(tmp_path, environ=environ) as live:
        answer = await People(live, template).user.caller.get("/auth/me")

    assert (answer.status, answer.error) == (401, "invalid_token")


async def test_without_the_key_plugin_no_key_is_taken(template: Template, tmp_path: Path) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path) as live:
        key = await People(live, template).user.key()
    environ = {"AGENTBOX_PLUGINS__ENABLED": f"{CHOSEN},password,jwt"}
    async with live_server(tmp_path, environ=environ) as live:
        assert (await live.with_key(key).get("/auth/me")).status == 401
        assert (await People(live, template).user.caller.get("/auth/me")).status == 200


async def test_what_is_kept_is_there_after_a_restart(template: Template, tmp_path: Path) -> None:
    # ST-01
    template.copy_to(tmp_path)
    async with live_server(tmp_path) as live:
        people = People(live, template)
        key, record = await live.make_key(people.user.caller, name="kept")
        revoked, gone = await live.make_key(people.user.caller)
        await people.user.caller.delete(f"/api-keys/{gone['id']}")
        await people.admin.caller.patch(people.viewer.path, {"status": "inactive"})

    async with live_server(tmp_path) as live:
        people = People(live, template)
        assert (await live.with_key(key).get("/auth/me")).status == 200
        assert (await people.user.caller.get(f"/api-keys/{record['id']}")).body["name"] == "kept"
        assert (await live.with_key(revoked).get("/auth/me")).status == 401
        assert (await people.viewer.caller.get("/auth/me")).status == 401
