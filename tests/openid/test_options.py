"""What is said of a provider is judged before anything is opened, each fault by its field."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentbox.errors import ConfigurationError
from agentbox.model.secret import Secret
from agentbox.web.outgoing.client import OfflineHttp
from agentbox_oidc.discovery import origin_of
from agentbox_oidc.options import GoogleOptions, ProviderOptions
from tests.live import live_server
from tests.process import agentbox, environment

ESCAPE = "\x1b[31m"


def provider(**changes: Any) -> ProviderOptions:
    """One with nothing wrong in it but what is changed."""
    given = {"issuer": "https://id.example.org", "client_id": "us", "client_secret": Secret("s")}
    return ProviderOptions(**given | changes)


def google(**changes: Any) -> GoogleOptions:
    """The same at Google."""
    return GoogleOptions(client_id="us", client_secret=Secret("s"), **changes)


NO_ISSUERS = [
    "https://idp.example.org:99999",
    "https://idp.example.org:abc",
    "https://idp.example.org:0",
    "https://idp.example.org:",
    "https://idp..example",
    "https://idp.example.org.",
    "https://idp.example.org. ",
    "https://idp.example.org ",
    " https://idp.example.org",
    "\thttps://idp.example.org",
    "https://idp.example.org\n",
    "https://idp example.org",
    "https://idp.example.org/a b",
    "https://idp.example.org/a\tb",
    "https://idp.example.org/a\nb",
    "https://idp.example.org/a\x7fb",
    "https://idp.example.org/ä",
    "https://bücher.example",
    "https://idp.example.org?",
    "https://idp.example.org/?",
    "https://idp.example.org/#",
    "https://@idp.example.org",
    "https://idp.example.org@",
    "https://1.2.3",
    "https://-idp.example",
    "https://[::1",
    "https://[fe80::1%25eth0]",
    "https://" + "a." * 200 + "example",
    "https://idp.example.org/" + "a" * 489,
    "https://",
    "https:idp.example.org",
    "",
    "http://localhost.:80",
    "http://0x7f.1",
    "\udcff",
]

ISSUERS = [
    "https://idp.example.org",
    "https://idp.example.org/",
    "https://IDP.example.org:8443/realms/staff",
    "https://192.0.2.7",
    "https://[2001:db8::7]:8443/x",
    "https://xn--bcher-kva.example",
    "https://idp.example.org/" + "a" * 488,
    "http://127.0.0.1:5556/dex",
    "http://[::1]:5556",
    "http://LOCALHOST:1",
]


@pytest.mark.parametrize("issuer", NO_ISSUERS, ids=ascii)
def test_an_issuer_that_nobody_can_be_asked_at_is_a_fault_of_that_field(issuer: str) -> None:
    (fault,) = provider(issuer=issuer, insecure_http=True).check()

    assert fault.startswith("issuer ")
    assert fault.isprintable()


@pytest.mark.parametrize("issuer", ISSUERS, ids=lambda text: text[:40])
def test_what_the_check_takes_can_be_asked(issuer: str) -> None:
    assert provider(issuer=issuer, insecure_http=True).check() == []

    OfflineHttp().to([origin_of(issuer)])  # raises ValueError as the one of a server


def test_plain_http_has_to_be_allowed_and_is_for_loopback_alone() -> None:  # OP-07
    (closed,) = provider(issuer="http://127.0.0.1:5556").check()
    far = [provider(issuer="http://192.0.2.1", insecure_http=on).check() for on in (True, False)]

    assert closed == "issuer is plain http, which has to be allowed with insecure_http = true"
    assert far == [["issuer is plain http, which is for loopback alone"]] * 2


NO_CALLBACKS = [
    "https://a b/callback",
    "https://x:99999/callback",
    "https://x:0/callback",
    "https://x..y/callback",
    "https://x/a b/callback",
    "https://x/a\n/callback",
    "https://ü/callback",
    "https://x/?/callback",
    "https://@x/callback",
    "https://[::1/callback",
    "/callback",
    "https://x/else",
]


@pytest.mark.parametrize("make", [provider, google])
@pytest.mark.parametrize("url", NO_CALLBACKS, ids=ascii)
def test_a_redirect_url_that_no_browser_comes_back_to_is_a_fault(make: Any, url: str) -> None:
    (fault,) = make(redirect_url=url).check()

    assert fault.startswith("redirect_url ")


@pytest.mark.parametrize("make", [provider, google])
def test_a_redirect_url_on_http_is_for_loopback_whatever_else_is_set(make: Any) -> None:
    # `insecure_http` is about the provider, and did nothing for it.
    (fault,) = make(redirect_url="http://auth.internal/callback").check()

    assert fault == "redirect_url is plain http, which is for loopback alone; use https"
    assert make(redirect_url="http://127.0.0.1:8080/callback").check() == []
    assert make(redirect_url="https://auth.example.org/a/callback").check() == []


@pytest.mark.parametrize("scope", ["", " ", "a b", "a\tb", 'a"b', "a\\b", "ä", ESCAPE], ids=ascii)
def test_a_scope_is_one_word(scope: str) -> None:  # RFC 6749 section 3.3
    (fault,) = provider(scopes=("openid", scope)).check()

    assert fault.startswith("scopes ")
    assert fault.isprintable()


def test_scopes_that_providers_have_are_taken() -> None:
    scopes = ("openid", "https://graph.example.org/.default", "read:org", "api://1/x")

    assert provider(scopes=scopes).check() == []
    assert provider(scopes=("email",)).check() == ['scopes must hold "openid"']


@pytest.mark.parametrize("claim", ["domain_claim", "username_claim"])
@pytest.mark.parametrize("text", ["", " "])
def test_a_claim_has_a_name(claim: str, text: str) -> None:
    assert provider(**{claim: text}).check() == [f"{claim} is empty; write the name of a claim"]


@pytest.mark.parametrize("make", [provider, google])
@pytest.mark.parametrize(
    "name", ["", "  ", "a" * 65, ESCAPE, "two\nlines", "\u202egnihtyna", "\udcff"], ids=ascii
)
def test_what_stands_on_a_button_is_short_and_printable(make: Any, name: str) -> None:
    assert make(name=name).check() == ["name takes 1 to 64 printable characters"]


@pytest.mark.parametrize("make", [provider, google])
@pytest.mark.parametrize("name", ["Corp (staff)", "a" * 64, "Bücher", "公司"])
def test_other_names_are_taken(make: Any, name: str) -> None:
    assert make(name=name).check() == []


SETTINGS = """\
[server]
port = 0
[plugins]
enabled = ["sqlite", "password", "jwt", "apikey", "oidc"]

[plugins.oidc.providers.good]
issuer = "https://id.example.org"
client_id = "us"
client_secret = "canary"

[plugins.oidc.providers.my-idp]
client_id = "us"
client_secret = "canary"
issuer = "https://idp.example.org:99999"
"""

TOLD = (
    "settings.toml:14 (plugins.oidc.providers.my-idp.issuer): providers.my-idp.issuer has "
    "'idp.example.org:99999' where a host belongs, such as accounts.example.org or "
    "accounts.example.org:8443."
)


async def test_check_and_serve_name_the_provider_the_field_and_its_line(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS)
    path.chmod(0o600)
    arguments = ("--config", "settings.toml", "check")
    done = await asyncio.to_thread(agentbox, tmp_path, *arguments, env=environment())
    with pytest.raises(ConfigurationError) as refused:
        async with live_server(tmp_path, config=path):
            pass

    assert done.returncode == 1
    assert TOLD in done.stdout + done.stderr
    assert f"{tmp_path}/{TOLD}" in str(refused.value)
    assert "canary" not in done.stdout + done.stderr + str(refused.value)
