"""What holds, where it came from, and what an operator is warned of; no secret is shown."""

from __future__ import annotations

import base64
import secrets

import pytest

from agentbox.config import effective, find_warnings
from agentbox.config.wording import redacted


def rows(place, environ: dict[str, str] | None = None, **overrides: object) -> dict:
    sources = place.sources(environ or {}, **overrides)
    settings = place.settings(environ or {}, **overrides)
    return {row.setting: (row.value, row.origin) for row in effective(settings, sources)}


def warnings(place, environ: dict[str, str] | None = None) -> list[str]:
    sources, settings = place.sources(environ or {}), place.settings(environ or {})
    return list(find_warnings(settings, sources))


def test_each_value_is_shown_with_its_origin(place) -> None:
    place.write('[tokens]\naccess_expiry = "480m"\n[plugins.jwt]\nsize = 4\n')
    shown = rows(place, {"AGENTBOX_SERVER__HOSTS": "a.example,b.example"}, server__port=9)
    names = ["tokens.access_expiry", "plugins.jwt.size", "server.hosts", "server.port"]
    assert [shown[name] for name in (*names, "server.host")] == [
        ("8h", "settings.toml:2"),
        ("4", "settings.toml:4"),
        ("a.example, b.example", "AGENTBOX_SERVER__HOSTS"),
        ("9", "--port"),
        ("127.0.0.1", "default"),
    ]


def test_what_unset_means_is_shown(place) -> None:
    shown = rows(place)
    names = ["server.public_url", "server.docs", "server.drain_delay", "admin.email"]
    assert [shown[name][0] for name in names] == ["http://127.0.0.1:8080", "true", "0", ""]


# OP-03
def test_a_secret_is_shown_as_set_and_no_more(place) -> None:
    path = place.secret_file("key", base64.b64encode(secrets.token_bytes(32)).decode())
    shown = rows(place, {"AGENTBOX_ADMIN_PASSWORD": "hunter2", "AGENTBOX_SECRET_KEY_FILE": path})
    assert [shown[name] for name in ("admin.password", "server.secret_key")] == [
        ("(set)", "AGENTBOX_ADMIN_PASSWORD"),
        ("(set)", "AGENTBOX_SECRET_KEY_FILE"),
    ]


def test_secrets_inside_options_are_shown_as_set(place) -> None:
    start = "AGENTBOX_PLUGINS__JWT__PROVIDERS__CORP__"
    shown = rows(
        place, {f"{start}ISSUER": "https://u:hunter2@i", f"{start}CLIENT_SECRET": "hunter2"}
    )
    assert "hunter2" not in str(shown)
    assert shown["plugins.jwt.providers.corp.issuer"][0] == "https://u:…@i"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://u:p@h/d", "postgres://u:…@h/d"),
        ("postgres://u:p:q@h/d", "postgres://u:…@h/d"),
        ("postgres://u:p@q@h/d", "postgres://u:…@h/d"),
        ("postgres://:p@h/d", "postgres://:…@h/d"),
        ("https://h:80/a", "https://h:80/a"),
        ("nothing here", "nothing here"),
    ],
)
def test_a_password_in_a_url_is_left_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_the_chain_is_shown_with_what_each_block_sets(place) -> None:
    place.write('[[authenticators]]\nid = "first"\ntype = "jwt"\nsize = 3\n')
    shown = rows(place)
    assert {name: row for name, row in shown.items() if name.startswith("authenticators.")} == {
        "authenticators.first.type": ("jwt", "settings.toml:3"),
        "authenticators.first.size": ("3", "settings.toml:4"),
    }


# --- warnings ---


def test_a_usual_configuration_gives_no_warning(place) -> None:
    place.write("[server]\nport = 1\n")
    assert warnings(place) == []


# OP-03
def test_a_secret_file_that_anybody_may_read_gives_a_warning(place) -> None:
    path = place.secret_file("password", "hunter2", mode=0o644)
    assert warnings(place, {"AGENTBOX_ADMIN_PASSWORD_FILE": path}) == [
        f"{path} holds a secret (admin.password) and anybody on this machine may read it; run: "
        f"chmod o-r {path}"
    ]


def test_a_secret_file_of_a_plugin_that_anybody_may_read_gives_a_warning(place) -> None:
    path = place.secret_file("secret", "hunter2", mode=0o644)
    assert warnings(place, {"AGENTBOX_PLUGINS__JWT__SECRET_FILE": path}) == [
        f"{path} holds a secret (plugins.jwt.secret) and anybody on this machine may read it; run: "
        f"chmod o-r {path}"
    ]


@pytest.mark.parametrize(
    "text",
    [
        '[admin]\npassword = "hunter2"\n',
        '[plugins.jwt]\nsecret = "hunter2"\n',
        '[[authenticators]]\nid = "a"\ntype = "jwt"\nsecret = "hunter2"\n',
    ],
)
def test_a_settings_file_with_a_secret_that_anybody_may_read_gives_a_warning(place, text) -> None:
    place.write(text)
    (place.folder / "settings.toml").chmod(0o644)
    (warning,) = warnings(place)
    assert warning.startswith("settings.toml holds a secret (")


def test_a_settings_file_without_a_secret_may_be_read_by_anybody(place) -> None:
    place.write("[server]\nport = 1\n")
    (place.folder / "settings.toml").chmod(0o644)
    assert warnings(place) == []


def test_a_secret_that_a_variable_replaces_is_the_files_no_more(place) -> None:
    place.write('[admin]\npassword = "hunter2"\n')
    (place.folder / "settings.toml").chmod(0o644)
    assert warnings(place, {"AGENTBOX_ADMIN_PASSWORD": "another one"}) == []


def test_plain_http_beyond_loopback_gives_a_warning(place) -> None:
    assert warnings(place, {"AGENTBOX_PUBLIC_URL": "http://auth.example.org"}) == [
        "AGENTBOX_PUBLIC_URL (server.public_url): passwords and tokens cross the network in clear, "
        "and nobody can sign in elsewhere, because browsers keep no Secure cookie; put TLS in "
        "front and say https://."
    ]


def test_options_of_a_plugin_that_is_not_enabled_give_a_warning(place) -> None:
    place.write("[plugins.something-else]\nsize = 1\n")
    assert warnings(place) == [
        "settings.toml:1 (plugins.something-else): has no effect, because something-else is not "
        "enabled."
    ]


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "metrics.internal:9464", "[::]:9464"])
def test_metrics_for_anybody_beyond_loopback_give_a_warning(place, listen: str) -> None:  # OB-05
    assert warnings(place, {"AGENTBOX_METRICS__LISTEN": listen}) == [
        f"AGENTBOX_METRICS__LISTEN (metrics.listen): whoever reaches {listen} reads /metrics "
        "without a credential; listen on loopback, or let a firewall see to it."
    ]


@pytest.mark.parametrize("listen", ["127.0.0.1:9464", "localhost:9464", "[::1]:0"])
def test_metrics_on_loopback_give_none(place, listen: str) -> None:
    assert warnings(place, {"AGENTBOX_METRICS__LISTEN": listen}) == []
