"""What a provider says of itself: believed where it is its own, asked for until it is there."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentbox.errors import StartError
from agentbox.errors.start import ConfigurationError
from agentbox.model.secret import Secret
from agentbox.plugin import JsonAnswer
from agentbox_oidc.discovery import read_metadata
from agentbox_oidc.options import ProviderOptions
from tests.live import ShiftedClock, live_server
from tests.openid.fake_provider import FakeProvider, Json, fake_provider
from tests.openid.scene import configuration, scene_at
from tests.process import agentbox, environment

ELSEWHERE = "http://192.0.2.1/"

WRONG: dict[str, Json] = {
    "another issuer": {"issuer": "https://accounts.evil.test"},
    "issuer with a slash": {"issuer": "http://127.0.0.1:1/"},
    "issuer in a list": {"issuer": ["http://127.0.0.1:1"]},
    "no issuer": {"issuer": ...},
    "no challenge": {"code_challenge_methods_supported": ["plain"]},
    "no code": {"response_types_supported": ["id_token"]},
    "no secret": {"token_endpoint_auth_methods_supported": ["private_key_jwt", "none"]},
    "no way to show a secret": {"token_endpoint_auth_methods_supported": []},
    "no RS256": {"id_token_signing_alg_values_supported": ["HS256", "none"]},
}
ADDRESSES: tuple[Any, ...] = (
    ...,
    None,
    7,
    "",
    "/relative",
    "//127.0.0.1/x",
    ELSEWHERE,
    "ftp://127.0.0.1/x",
    "file:///etc/passwd",
    "data:application/json,{}",
    "https://user:secret@127.0.0.1/x",
    "https://",
    "https://127.0.0.1:99999999/x",
    "https://127.0.0.1/x#fragment",
    "https://127.0.0.1/x\r\nSet-Cookie: a=b",
    "https://127.0.0.1/a b",
    "https://\u0430pple.test/x",
    "javascript:alert(1)",
)
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")


async def fault_of(folder: Path, provider: FakeProvider, metadata: Json) -> str:
    """The sentence that the start ends with."""
    provider.metadata = metadata
    with pytest.raises(StartError) as fault:
        async with live_server(folder, config=configuration(folder, provider)):
            pass
    return str(fault.value)


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_document_that_is_not_its_own_stops_the_start(
    folder: Path, provider: FakeProvider, wrong: str
) -> None:  # OA-04
    fault = await fault_of(folder, provider, WRONG[wrong])

    assert provider.issuer in fault
    assert ("another issuer" in fault) == ("issuer" in WRONG[wrong])


async def test_addresses_that_nobody_may_be_sent_to_stop_the_start(
    folder: Path, provider: FakeProvider
) -> None:  # JWT-03, OP-07
    for endpoint in ENDPOINTS:
        for address in ADDRESSES:
            if address is ... and endpoint == "userinfo_endpoint":
                continue  # there need not be one
            fault = await fault_of(folder, provider, {endpoint: address})
            assert f"{provider.issuer}: " in fault, (endpoint, address)
            assert "secret" not in fault
    assert set(provider.asked) == {"openid-configuration"}


async def test_lists_that_are_not_there_say_nothing(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:
    provider.metadata = {
        "code_challenge_methods_supported": ...,
        "response_types_supported": ...,
        "id_token_signing_alg_values_supported": ...,
        "userinfo_endpoint": ...,
    }
    async with scene_at(folder, clock, provider) as scene:
        assert (await scene.sign_in()).status == 200


async def test_one_that_takes_no_secret_is_sent_none(folder: Path, provider: FakeProvider) -> None:
    metadata = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_jwt"]}
    fault = await fault_of(folder, provider, metadata)

    name = "token_endpoint_auth_methods_supported"
    assert f"{name} holds neither client_secret_basic nor client_secret_post" in fault


@pytest.mark.parametrize("listed", [["client_secret_post", "client_secret_basic"], "none", None])
def test_a_secret_goes_into_the_header_unless_it_may_not(listed: Any) -> None:
    issuer = "https://id.example.org"
    options = ProviderOptions(issuer=issuer, client_id="us", client_secret=Secret("canary"))
    document = {"issuer": issuer} | {name: f"{issuer}/{name}" for name in ENDPOINTS}
    document |= {"token_endpoint_auth_methods_supported": listed}

    assert not read_metadata(JsonAnswer(200, document), options).secret_in_form


@pytest.mark.parametrize(
    ("issuer", "insecure"),
    [
        ("http://127.0.0.1:5", False),
        ("http://192.0.2.1", True),
        ("http://localhost.evil.test", True),
        ("ftp://127.0.0.1", True),
        ("https://user@accounts.example.org", False),
        ("https://accounts.example.org/?tenant=1", False),
        ("https://accounts.example.org/#", False),
        ("https://accounts.example.org:99999", False),
        ("https://accounts.example.org. ", False),
        ("https://accounts.example.org/a b", False),
        ("accounts.example.org", False),
    ],
)
async def test_an_issuer_that_could_be_anybody_stops_the_start(
    folder: Path, provider: FakeProvider, issuer: str, insecure: bool
) -> None:  # OP-07
    config = configuration(folder, provider, issuer=issuer, insecure_http=insecure)
    with pytest.raises(ConfigurationError, match=rf"providers\.{provider.id}\.issuer"):
        async with live_server(folder, config=config):
            pass

    assert not provider.asked


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_issuer_on_https_has_no_address_on_http_whatever_is_set(endpoint: str) -> None:
    # OP-07: code, secret and tokens would go by in clear text
    issuer = "https://id.example.org"
    options = ProviderOptions(
        issuer=issuer, client_id="us", client_secret=Secret("canary"), insecure_http=True
    )
    document = {"issuer": issuer} | {name: f"{issuer}/{name}" for name in ENDPOINTS}
    assert read_metadata(JsonAnswer(200, document), options).jwks_uri == f"{issuer}/jwks_uri"

    for address in ("http://127.0.0.1:8080/x", "http://localhost/x", "HTTP://[::1]/x"):
        with pytest.raises(StartError, match=f"{issuer}: {endpoint}"):
            read_metadata(JsonAnswer(200, document | {endpoint: address}), options)


async def test_a_command_asks_no_provider_and_works_without_it(
    folder: Path, provider: FakeProvider
) -> None:
    provider.metadata = {"issuer": "https://accounts.evil.test"}
    config = configuration(folder, provider)
    env = environment(AGENTBOX_DB_PATH=str(folder / "agentbox.db"))
    command = partial(agentbox, folder, "--config", str(config), "user", "list", env=env)
    done = await asyncio.to_thread(command)

    assert (done.returncode, done.stderr) == (0, "")
    assert "admin" in done.stdout
    assert not provider.asked


async def test_two_providers_of_one_id_stop_the_start(folder: Path, provider: FakeProvider) -> None:
    # OA-04: a browser would be sent to one of them and judged by the other
    config = configuration(folder, provider)
    same = '[[authenticators]]\nid = "{}"\ntype = "oidc"\n'
    chain = '[[authenticators]]\nid = "jwt"\ntype = "jwt"\n'
    config.write_text(f"{config.read_text()}\n{chain}{same.format('a')}{same.format('b')}")
    with pytest.raises(StartError, match="fake"):
        async with live_server(folder, config=config):
            pass


async def test_a_provider_that_is_called_as_the_password_is_stops_the_start(
    folder: Path,
) -> None:
    # a session says by which id it began, and the two would be one
    async with fake_provider("password") as provider:
        with pytest.raises(StartError, match="password"):
            async with live_server(folder, config=configuration(folder, provider)):
                pass


async def test_two_providers_of_one_issuer_stop_the_start(
    folder: Path, provider: FakeProvider
) -> None:
    # one would let in whom the other does not: an identity is known by issuer and subject
    again = FakeProvider("again")
    again.port = provider.port
    with pytest.raises(ConfigurationError, match=r"again.*fake"):
        async with live_server(folder, config=configuration(folder, provider, again)):
            pass

    assert not provider.asked
