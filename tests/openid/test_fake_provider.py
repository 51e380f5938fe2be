"""The fake provider refuses what a careful one refuses: a sign-in that works there was right."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import pytest

from tests.openid.browser import parameters
from tests.openid.fake_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider

VERIFIER = "v" * 43
BACK = "http://127.0.0.1:1/callback"


async def code_of(session: aiohttp.ClientSession, provider: FakeProvider) -> str:
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "scope": "openid",
        "state": "s",
        "nonce": "n",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    address = f"{provider.issuer}/authorize"
    async with session.get(address, params=query, allow_redirects=False) as answer:
        return parameters(answer.headers["Location"])["code"]


async def exchanged(
    session: aiohttp.ClientSession, provider: FakeProvider, secret: str, **changes: str
) -> Any:
    form = {
        "grant_type": "authorization_code",
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    pair = f"{quote_plus(CLIENT_ID)}:{quote_plus(secret)}"
    header = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    async with session.post(f"{provider.issuer}/token", data=form, headers=header) as answer:
        return await answer.json()


@pytest.mark.parametrize(
    ("secret", "changes", "error"),
    [
        (CLIENT_SECRET, {}, None),
        ("another", {}, "invalid_client"),
        (CLIENT_SECRET, {"code_verifier": "w" * 43}, "invalid_grant"),
        (CLIENT_SECRET, {"code_verifier": ""}, "invalid_grant"),
        (CLIENT_SECRET, {"redirect_uri": f"{BACK}/"}, "invalid_grant"),
        (CLIENT_SECRET, {"code": "made up"}, "invalid_grant"),
        (CLIENT_SECRET, {"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_a_token_request_is_judged(
    provider: FakeProvider, secret: str, changes: dict[str, str], error: str | None
) -> None:
    async with aiohttp.ClientSession() as session:
        code = await code_of(session, provider)
        answer = await exchanged(session, provider, secret, **{"code": code, **changes})

    assert answer.get("error") == error


async def test_a_code_is_good_once(provider: FakeProvider) -> None:
    async with aiohttp.ClientSession() as session:
        code = await code_of(session, provider)
        first = await exchanged(session, provider, CLIENT_SECRET, code=code)
        again = await exchanged(session, provider, CLIENT_SECRET, code=code)

    assert "id_token" in first
    assert again == {"error": "invalid_grant"}
