"""Google, by its own name over TLS: three lines of settings, and whose addresses count."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentbox.errors import StartError
from agentbox_oidc.options import GOOGLE_ISSUER
from tests.live import ShiftedClock, live_server
from tests.openid.browser import Browser, parameters
from tests.openid.fake_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider, fake_provider
from tests.openid.named import GOOGLE_HOSTS, Names, certified, served
from tests.openid.scene import Scene

ADDRESSES = {
    "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/authorize",
    "token_endpoint": "https://oauth2.googleapis.com/token",
    "jwks_uri": "https://www.googleapis.com/oauth2/v3/keys",
    "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
}


@pytest.fixture
async def google() -> AsyncIterator[FakeProvider]:
    """One that calls itself Google, and is on several hosts as Google is."""
    tls = served(certified(GOOGLE_HOSTS))
    async with fake_provider("google", issuer=GOOGLE_ISSUER, tls=tls) as fake:
        fake.metadata = ADDRESSES
        yield fake


CLIENT = f"client_id = {json.dumps(CLIENT_ID)}\nclient_secret = {json.dumps(CLIENT_SECRET)}"


@asynccontextmanager
async def signing_in(
    folder: Path,
    google: FakeProvider,
    trusted: tuple[str, ...] = GOOGLE_HOSTS,
    more: str = "",
    **options: Any,
) -> AsyncIterator[Scene]:
    """A server with `[plugins.google]`, to whom the names of Google lead here."""
    enabled = ["sqlite", "password", "jwt", "apikey", "google", *(["oidc"] if more else [])]
    lines = [
        f"[plugins]\nenabled = {json.dumps(enabled)}",
        f"[plugins.google]\n{CLIENT}",
        *(f"{name} = {json.dumps(value)}" for name, value in options.items()),
        more,
    ]
    config = folder / "settings.toml"
    config.write_text("\n".join(lines))
    config.chmod(0o600)
    clock = ShiftedClock()
    names = Names(google.port, certified(trusted))
    async with live_server(folder, config=config, clock=clock, outgoing=names.outgoing()) as live:
        yield Scene(live, await live.admin(), folder, clock, google, names.session)


async def test_three_settings_let_people_of_google_in(folder: Path, google: FakeProvider) -> None:
    environ = {
        "AGENTBOX_GOOGLE_ENABLED": "true",
        "AGENTBOX_GOOGLE_CLIENT_ID": CLIENT_ID,
        "AGENTBOX_GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "AGENTBOX_PLUGINS__GOOGLE__AUTO_PROVISION": "true",
    }
    names = Names(google.port, certified(GOOGLE_HOSTS))
    async with live_server(folder, environ=environ, outgoing=names.outgoing()) as live:
        answer = await Browser(live.anonymous, names.session).sign_in("google")

        assert answer.status == 200, answer.text
        assert answer.body["user"]["role"] == "viewer"
    assert google.asked == {"openid-configuration": 1, "authorize": 1, "token": 1, "keys": 1}


async def test_whoever_calls_itself_google_without_its_certificate_is_not_asked(
    folder: Path, google: FakeProvider
) -> None:  # OP-07, OA-11
    async with signing_in(folder, google, trusted=("accounts.google.com",)) as scene:
        answer = await scene.browser().begin("google")
        assert (answer.status, answer.error) == (503, "authenticator_unavailable")
    assert not google.asked


COUNTING: dict[str, dict[str, Any]] = {
    "Gmail's own": {"email": "ada@gmail.com"},
    "Gmail's own in capitals": {"email": "Ada@GMail.com"},
    "of a Workspace": {"email": "ada@corp.test", "hd": "corp.test"},
    "of a Workspace with several domains": {"email": "ada@corp.test", "hd": "primary.test"},
}

STALE: dict[str, dict[str, Any]] = {
    "of no Workspace": {"email": "ada@corp.test"},
    "almost Gmail's": {"email": "ada@notgmail.com"},
    "Gmail's at the beginning": {"email": "ada@gmail.com.evil.test"},
    "Gmail's as a host": {"email": "ada@mail.gmail.com"},
    "of an empty Workspace": {"email": "ada@corp.test", "hd": ""},
    "of a Workspace that is a truth": {"email": "ada@corp.test", "hd": True},
    "of a Workspace that is a list": {"email": "ada@corp.test", "hd": ["corp.test"]},
    "Gmail's, not verified": {"email": "ada@gmail.com", "email_verified": False},
}


@pytest.mark.parametrize("said", [*COUNTING, *STALE])
async def test_an_address_counts_if_google_itself_gives_it_out_or_runs_its_domain(
    folder: Path, google: FakeProvider, said: str
) -> None:  # OA-06: any other was verified once, by whoever had it then
    person = (COUNTING | STALE)[said]
    async with signing_in(folder, google, auto_provision=True, link_verified_email=True) as scene:
        body = {"username": "bystander", "email": person["email"], "role": "user"}
        theirs = (await scene.admin.post("/users", body)).body
        google.claims = person
        answer = await scene.sign_in()

        assert answer.status == 200, answer.text
        assert (answer.body["user"]["id"] == theirs["id"]) == (said in COUNTING)
        assert ("email" in answer.body["user"]) == (said in COUNTING)


async def test_a_workspace_is_one_that_is_signed(folder: Path, google: FakeProvider) -> None:
    # OA-06, OA-08
    google.claims = {"email": ..., "email_verified": ...}
    google.userinfo = {"email": "ada@corp.test", "email_verified": True, "hd": "corp.test"}
    async with signing_in(folder, google, auto_provision=True) as scene:
        answer = await scene.sign_in()

    assert answer.status == 200, answer.text
    assert "email" not in answer.body["user"]


async def test_a_domain_lets_its_own_people_in_and_nobody_else(
    folder: Path, google: FakeProvider
) -> None:  # OA-08
    async with signing_in(
        folder, google, auto_provision=True, allowed_domains=["corp.test"]
    ) as scene:
        begun = await scene.browser().begin("google")
        assert parameters(begun.body["url"])["hd"] == "corp.test"
        for domain in (..., "evil.test", "CORP.TEST"):
            google.claims = {"hd": domain}
            assert (await scene.sign_in()).error == "invalid_grant"
        google.claims = {"hd": "corp.test"}
        assert (await scene.sign_in()).status == 200
        assert await scene.refusals() == ["domain"] * 3


async def test_google_by_both_plugins_stops_the_start(folder: Path, google: FakeProvider) -> None:
    # OA-08: the limits of one, as its domains, would be none for whoever goes by the other
    more = f'[plugins.oidc.providers.corp]\nissuer = "{GOOGLE_ISSUER}"\n{CLIENT}'
    with pytest.raises(StartError, match=r"google and corp.*https://accounts\.google\.com"):
        async with signing_in(folder, google, more=more, allowed_domains=["corp.test"]):
            pass
