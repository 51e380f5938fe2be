"""What the types can't say: addresses, secrets, durations; and the one form in which they stay."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import timedelta

import pytest


def root_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def first(place, name: str, value: str) -> str:
    (fault,) = place.faults({name: value})
    return fault


# --- public_url ---


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://auth.example.org", "https://auth.example.org"),
        ("https://auth.example.org/", "https://auth.example.org"),
        ("HTTPS://Auth.Example.ORG:443", "https://auth.example.org"),
        ("http://auth.example.org:80", "http://auth.example.org"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://[::1]:9000/", "http://[::1]:9000"),
    ],
)
def test_the_public_url_has_one_form(place, text: str, url: str) -> None:
    assert place.settings({"AGENTBOX_PUBLIC_URL": text}).public_url == url


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("auth.example.org", "write it with its scheme, such as https://auth.example.org."),
        ("//auth.example.org", "write it with its scheme, such as https://auth.example.org."),
        ("ftp://auth.example.org", "write it with its scheme, such as https://auth.example.org."),
        ("https://u:p@auth.example.org", "must not hold a user name or a password."),
        ("https://auth.example.org?a=b", "must not have a query or a fragment."),
        ("https://auth.example.org/#", "must not have a query or a fragment."),
        (
            "https://auth.example.org/auth",
            "must not have a path; clients find everything under https://<host>/api/v1.",
        ),
        ("https://bücher.example", "write the host in ASCII, as xn--…."),
        ("https://", "is not a URL such as https://auth.example.org."),
        ("https://a b", "is not a URL such as https://auth.example.org."),
        ("https://[::1", "is not a URL such as https://auth.example.org."),
        ("https://auth.example.org:99999", "is not a URL such as https://auth.example.org."),
        ("https://1.2.3", "is not a URL such as https://auth.example.org."),
    ],
)
def test_what_can_not_be_a_public_url_is_refused(place, text: str, sentence: str) -> None:
    fault = first(place, "AGENTBOX_PUBLIC_URL", text)
    assert fault == f"AGENTBOX_PUBLIC_URL (server.public_url): {sentence}"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "auth.example.org"])
def test_listening_elsewhere_than_on_loopback_needs_a_public_url(place, host: str) -> None:
    assert first(place, "AGENTBOX_HOST", host) == (
        f"server.public_url: is needed, because server.host is '{host}' and not loopback; set "
        "AGENTBOX_PUBLIC_URL to the address that clients use, such as https://auth.example.org."
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_loopback_no_public_url_is_needed(place, host: str) -> None:
    assert place.settings({"AGENTBOX_HOST": host}).public_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize("host", ["a:80", "[::1]", "a b", "-a", "1.2.3", "http://a", "*"])
def test_what_can_not_be_listened_on_is_refused(place, host: str) -> None:
    faults = place.faults({"AGENTBOX_HOST": host, "AGENTBOX_PUBLIC_URL": "https://a.example"})
    assert faults == [
        f"AGENTBOX_HOST (server.host): {host!r} is not an IP address or a host name, without a "
        "port."
    ]


@pytest.mark.parametrize("host", ["http://a", "a:0", "a:99999", "::1", "a/b", "*.a.example", "a@b"])
def test_what_is_not_a_host_is_refused(place, host: str) -> None:
    assert first(place, "AGENTBOX_SERVER__HOSTS", f"ok.example, {host}") == (
        f"AGENTBOX_SERVER__HOSTS (server.hosts): {host!r} is not a host such as auth.example.org "
        "or 10.0.0.5:8080."
    )


def test_hosts_are_kept_in_lower_case(place) -> None:
    place.write('[server]\nhosts = ["A.Example:81", "[::1]:82", "10.0.0.5"]\n')
    assert place.settings().server.hosts == ("a.example:81", "[::1]:82", "10.0.0.5")


# --- cors_origins ---


@pytest.mark.parametrize("text", ["*", "null"])
def test_an_origin_that_means_everybody_is_refused(place, text: str) -> None:
    assert first(place, "AGENTBOX_SERVER__CORS_ORIGINS", text) == (
        f"AGENTBOX_SERVER__CORS_ORIGINS (server.cors_origins): {text} would let any page in; name "
        "each origin."
    )


@pytest.mark.parametrize(
    "text",
    ["https://app.example/", "app.example", "https://*.example", "https://a.example/x", "file://"],
)
def test_what_is_not_an_origin_is_refused(place, text: str) -> None:
    assert first(place, "AGENTBOX_SERVER__CORS_ORIGINS", text) == (
        f"AGENTBOX_SERVER__CORS_ORIGINS (server.cors_origins): {text!r} is not an origin such as "
        "https://app.example.org, without a path."
    )


def test_origins_are_kept_as_browsers_send_them(place) -> None:
    place.write('[server]\ncors_origins = ["HTTPS://App.Example:443", "http://localhost:3000"]\n')
    expected = ("https://app.example", "http://localhost:3000")
    assert place.settings().server.cors_origins == expected


# --- return_to ---


def fault_of_return_to(place, text: str) -> str:
    place.write(f"[server]\nreturn_to = [{json.dumps(text)}]\n")
    (fault,) = place.faults()
    return str(fault)


@pytest.mark.parametrize(
    "text",
    [
        "app.example/x",
        "https://app.example",
        "https://App.example/x",
        "https://app.example:443/x",
        "https://app.example/x#y",
        "https://app.example/\\x",
        "https://u@app.example/x",
        "javascript://app.example/x",
        "/x",
    ],
)
def test_what_is_no_page_is_refused_as_one(place, text: str) -> None:
    assert "is not an address with a path and without a fragment" in fault_of_return_to(place, text)


@pytest.mark.parametrize(
    "text", ["http://app.example/x", "http://10.0.0.5/x", "http://localhost.example/x"]
)
def test_a_page_over_plain_http_gets_no_code(place, text: str) -> None:
    # OA-10
    assert f"{text!r} is plain http" in fault_of_return_to(place, text)


@pytest.mark.parametrize(
    "text", ["https://app.example/x?code=y", "https://app.example/x?a=b&%63ode"]
)
def test_a_page_that_brings_a_code_of_its_own_is_refused(place, text: str) -> None:
    # OA-10
    assert f"{text!r} has a parameter `code` already" in fault_of_return_to(place, text)


@pytest.mark.parametrize(
    "text",
    [
        "https://app.example/",
        "https://app.example:8443/signed-in?barcode=1",
        "http://localhost:3000/signed-in",
        "http://127.0.0.1/",
        "http://[::1]:5173/",
    ],
)
def test_pages_are_kept_letter_by_letter(place, text: str) -> None:
    place.write(f"[server]\nreturn_to = [{json.dumps(text)}]\n")

    assert place.settings().server.return_to == (text,)


# --- the root secret ---


def test_root_keys_are_decoded_in_their_order(place) -> None:
    keys = [root_key(), root_key()]
    settings = place.settings({"AGENTBOX_SECRET_KEY": ", ".join(keys)})
    assert settings.root_keys == tuple(base64.b64decode(key) for key in keys)


def test_without_a_root_secret_there_are_no_root_keys(place) -> None:
    assert place.settings().root_keys == ()


# JWT-06: the root secret is held to the same rule.
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("changeme", "is base64 of 6 bytes, not of 32"),
        ("not base64!", "is not base64 of 32 random bytes"),
        (base64.b64encode(bytes(16)).decode(), "is base64 of 16 bytes, not of 32"),
        (base64.b64encode(bytes(32)).decode(), "is one byte over and over"),
        (base64.b64encode(b"a" * 32).decode(), "repeats one pattern over and over"),
        (
            base64.b64encode(b"changeme-changeme-changeme-12345").decode(),
            "is a placeholder or a published example that anyone can look up",
        ),
        (
            base64.b64encode(bytes(range(32))).decode(),
            "follows the order of the alphabet or of numbers",
        ),
    ],
)
def test_a_weak_root_secret_is_refused(place, text: str, sentence: str) -> None:
    assert first(place, "AGENTBOX_SECRET_KEY", text) == (
        f"AGENTBOX_SECRET_KEY (server.secret_key): {sentence}; make one with: agentbox secret new."
    )


def test_of_several_root_keys_the_weak_ones_are_counted_out(place) -> None:
    faults = place.faults({"AGENTBOX_SECRET_KEY": f"x,{root_key()},"})
    assert [fault.partition("): ")[2][:13] for fault in faults] == [
        "key 1 of 3 is",
        "key 3 of 3 is",
    ]


# --- admin, api_keys, durations ---


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "AGENTBOX_ADMIN_USERNAME",
            "ad min",
            "(admin.username): 'ad min' is not 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter "
            "or digit.",
        ),
        ("AGENTBOX_ADMIN_EMAIL", "root", "(admin.email): 'root' is not an e-mail address."),
        (
            "AGENTBOX_ADMIN_PASSWORD",
            "  ",
            "(admin.password): is empty; give one, or leave the setting out and one is made.",
        ),
        (
            "AGENTBOX_API_KEY_PREFIX",
            "ak-live",
            "(api_keys.prefix): 'ak-live' is not 2 to 16 of a-z 0-9 _, the last one _.",
        ),
        (
            "AGENTBOX_API_KEYS__ACCEPTED_PREFIXES",
            "ok_,OK",
            "(api_keys.accepted_prefixes): 'OK' is not 2 to 16 of a-z 0-9 _, the last one _.",
        ),
        (
            "AGENTBOX_API_KEYS__MAX_LIFETIME",
            "0",
            "(api_keys.max_lifetime): 0 is out of the range 1s to 36500d.",
        ),
        (
            "AGENTBOX_JWT_EXPIRY",
            "25h",
            "(tokens.access_expiry): 25h is out of the range 1s to 1d.",
        ),
        (
            "AGENTBOX_AUDIT__RETENTION",
            "12h",
            "(audit.retention): 12h is out of the range 1d to 36500d.",
        ),
        ("AGENTBOX_JWT_EXPIRY", "0", "(tokens.access_expiry): 0 is out of the range 1s to 1d."),
        (
            "AGENTBOX_TOKENS__SESSION_MAX_AGE",
            "10m",
            "(tokens.session_max_age): 10m is out of the range 15m to 36500d.",
        ),
        (
            "AGENTBOX_SERVER__CREDENTIAL_CACHE",
            "31s",
            "(server.credential_cache): 31s is out of the range 0 to 30s.",
        ),
        (
            "AGENTBOX_SERVER__DRAIN_DELAY",
            "1h",
            "(server.drain_delay): 1h is out of the range 0 to 10m.",
        ),
        (
            "AGENTBOX_ENVIRONMENTS__STALE_AFTER",
            "9s",
            "(environments.stale_after): 9s is out of the range 10s to 1d.",
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(place, name, value, sentence) -> None:
    assert first(place, name, value) == f"{name} {sentence}"


def test_the_address_of_the_admin_is_kept_canonical(place) -> None:
    settings = place.settings({"AGENTBOX_ADMIN_EMAIL": "Root@Example.ORG"})
    assert settings.admin.email == "root@example.org"


# --- defaults that depend on where it listens ---

ELSEWHERE = {"AGENTBOX_HOST": "0.0.0.0", "AGENTBOX_PUBLIC_URL": "https://auth.example.org"}


@pytest.mark.parametrize(
    ("variables", "drain_delay", "docs"),
    [
        ({}, timedelta(0), True),
        (ELSEWHERE, timedelta(seconds=5), False),
        ({**ELSEWHERE, "AGENTBOX_SERVER__DOCS": "true"}, timedelta(seconds=5), True),
        ({"AGENTBOX_SERVER__DOCS": "false"}, timedelta(0), False),
        ({"AGENTBOX_SERVER__DRAIN_DELAY": "3s"}, timedelta(seconds=3), True),
    ],
)
def test_docs_and_the_drain_depend_on_loopback_unless_told(
    place, variables, drain_delay, docs
) -> None:
    settings = place.settings(variables)
    assert (settings.drain_delay, settings.docs) == (drain_delay, docs)
