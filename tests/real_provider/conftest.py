"""Signing in at a provider that others have written and certified, up to a real browser.

By hand, from the checkout, after `make ci-deps` and with these lines in agentbox.toml (mode 0600):

    [plugins]
    enabled = ["sqlite", "password", "jwt", "apikey", "oidc"]

    [plugins.oidc.providers.certified]
    issuer = "http://localhost:9000"
    client_id = "agentbox"
    client_secret = "not a secret, here"
    insecure_http = true
    auto_provision = true

the provider and the server, each in a terminal of its own:

    node tests/real_provider/provider.mjs '{"port": 9000, "client_id": "agentbox",
      "client_secret": "not a secret, here",
      "redirect_uris": ["http://127.0.0.1:8080/api/v1/auth/certified/callback"],
      "people": {"ada": {"password": "ada", "email": "ada@corp.test", "email_verified": true}}}'

    .venv/bin/agentbox serve --config agentbox.toml

Then http://127.0.0.1:8080/api/v1/auth/certified/login in a browser asks for ada's password, and
comes back with her tokens. Plain http will do on loopback alone: Chromium keeps the flow's cookie,
`Secure` and named `__Host-` as it is, for 127.0.0.1 and for localhost. Begin by the name that
`[server] public_url` has, since the way back leads there, and the cookie is of one host. The
provider is by the other name here, so that one comes back from another site, as from any provider.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.people import in_a_thread
from tests.live import live_server
from tests.real_provider.provider import RealProvider, real_provider
from tests.real_provider.scene import CALLBACK, PEOPLE, Scene, scene_at


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database of a first start, to be copied."""
    folder = tmp_path_factory.mktemp("seed")

    async def start_once() -> None:
        async with live_server(folder):
            pass

    in_a_thread(start_once())
    return folder


@pytest.fixture
def folder(seed: Path, tmp_path: Path) -> Path:
    """A database of one's own."""
    shutil.copytree(seed, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProvider]:
    """The certified provider, for all tests of a module."""
    folder = tmp_path_factory.mktemp("provider")
    with real_provider(
        folder, redirect_uris=[f"http://127.0.0.1:8080{CALLBACK}"], people=PEOPLE
    ) as running:
        yield running


@pytest.fixture
async def scene(folder: Path, provider: RealProvider) -> AsyncIterator[Scene]:
    """A server with it, which makes users."""
    provider.asked()  # what earlier tests did is forgotten
    async with scene_at(folder, provider) as opened:
        yield opened
