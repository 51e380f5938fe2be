"""`GET /system/config`: what `agentbox config show` prints, and no secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.people import People, Template
from tests.live import ADMIN_PASSWORD, Live, live_server

SECRETS = {
    "AGENTBOX_ADMIN_PASSWORD": "canary-meadow-cobalt-thimble-93",
    "AGENTBOX_JWT_SECRET": "canary-" + "jwt0" * 12,
    "AGENTBOX_GOOGLE_CLIENT_SECRET": "canary-of-a-client-41",
}


async def test_it_holds_every_setting_and_where_it_came_from(live: Live, people: People) -> None:
    answer = await people.admin.caller.get("/system/config")

    settings = {each["setting"]: each for each in answer.body["settings"]}
    assert settings["metrics.collection_interval"] == {
        "setting": "metrics.collection_interval",
        "value": "30s",
        "origin": "default",
    }
    assert settings["admin.password"]["value"] == "(set)"
    assert "AGENTBOX_ADMIN_PASSWORD" in settings["admin.password"]["origin"]
    assert len(settings) == len(answer.body["settings"]) > 40


async def test_no_secret_is_in_it(template: Template, tmp_path: Path) -> None:
    # OB-01
    template.copy_to(tmp_path)
    google = {"AGENTBOX_GOOGLE_ENABLED": "true", "AGENTBOX_GOOGLE_CLIENT_ID": "ours"}
    async with live_server(tmp_path, environ=SECRETS | google) as live:
        admin = await live.sign_in("admin.person")

        answer = await admin.get("/system/config")

    assert answer.status == 200
    shown = {each["setting"]: each["value"] for each in answer.body["settings"]}
    names = ("admin.password", "plugins.jwt.secret", "plugins.google.client_secret")
    assert {shown[name] for name in names} == {"(set)"}
    for secret in (*SECRETS.values(), ADMIN_PASSWORD, "canary-"):
        assert secret not in answer.text


@pytest.mark.parametrize("name", ["viewer", "user"])
async def test_it_is_for_those_who_run_the_server(live: Live, people: People, name: str) -> None:
    refused = await people[name].caller.get("/system/config")

    assert (refused.status, refused.error) == (403, "insufficient_role")


async def test_a_key_needs_the_scope(live: Live, people: People) -> None:
    key = live.with_key(await people.admin.key(scopes=["metrics:read"]))

    refused = await key.get("/system/config")

    assert (refused.status, refused.error) == (403, "insufficient_scope")
    wide = live.with_key(await people.admin.key(scopes=["system:read"]))
    assert (await wide.get("/system/config")).status == 200
