"""Google is a provider as any other, of which all but the client is known."""

from __future__ import annotations

from typing import Any

import pytest

from agentbox.model.secret import Secret
from agentbox_oidc.options import GoogleOptions

CLIENT = {"client_id": "1.apps.googleusercontent.com", "client_secret": Secret("canary")}


def test_three_settings_make_a_provider() -> None:
    options = GoogleOptions(**CLIENT, allowed_domains=("corp.test",))
    provider = options.provider()

    assert options.check() == []
    assert provider.check() == []
    assert provider.issuer == "https://accounts.google.com"
    assert (provider.domain_claim, provider.allowed_domains) == ("hd", ("corp.test",))
    assert (provider.algorithm, provider.insecure_http) == ("RS256", False)
    assert (provider.auto_provision, provider.link_verified_email) == (False, False)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_secret": None}, "client_secret"),
        ({"client_secret": Secret("  ")}, "client_secret"),
        ({"allowed_domains": ("Corp.Test",)}, "allowed_domains"),
        ({"allowed_domains": ("*.corp.test",)}, "allowed_domains"),
        ({"allowed_domains": ("",)}, "allowed_domains"),
        ({"redirect_url": "http://auth.example.org/callback"}, "redirect_url"),
        ({"redirect_url": "https://auth.example.org/else"}, "redirect_url"),
        ({"redirect_url": "https://user@auth.example.org/callback"}, "redirect_url"),
    ],
    ids=str,
)
def test_what_can_not_be_right_is_said_at_the_start(changes: dict[str, Any], named: str) -> None:
    faults = GoogleOptions(**CLIENT | changes).check()

    assert faults
    assert all(named in fault for fault in faults)
    assert "canary" not in str(faults)


def test_the_redirect_url_to_register_is_told() -> None:
    (note,) = GoogleOptions(**CLIENT).notes("https://auth.example.org")

    assert "https://auth.example.org/api/v1/auth/google/callback" in note
