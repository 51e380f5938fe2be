"""Every fault names its place, says what is wrong and what would be right."""

from __future__ import annotations

import base64

import pytest

# --- variables ---

VARIABLES = [
    (
        {"AGENTBOX_PORT": "http"},
        "AGENTBOX_PORT (server.port): 'http' is not a whole number from 0 to 65535.",
    ),
    (
        {"AGENTBOX_SERVER__PORT": "65536"},
        "AGENTBOX_SERVER__PORT (server.port): '65536' is not a whole number from 0 to 65535.",
    ),
    (
        {"AGENTBOX_SERVER__ACCESS_LOG": "maybe"},
        "AGENTBOX_SERVER__ACCESS_LOG (server.access_log): 'maybe' is not true or false.",
    ),
    (
        {"AGENTBOX_SERVER__LOG_FORMAT": "xml"},
        "AGENTBOX_SERVER__LOG_FORMAT (server.log_format): 'xml' is not one of auto, console, json.",
    ),
    (
        {"AGENTBOX_JWT_EXPIRY": "15 minutes"},
        "AGENTBOX_JWT_EXPIRY (tokens.access_expiry): '15 minutes' is not a duration such as 30s, "
        "15m, 8h or 7d.",
    ),
    (
        {"AGENTBOX_JWT_SECRT": "x"},
        "AGENTBOX_JWT_SECRT: there is no such setting; did you mean AGENTBOX_JWT_SECRET?",
    ),
    (
        {"AGENTBOX_JWT_SECRT_FILE": "x"},
        "AGENTBOX_JWT_SECRT_FILE: there is no such setting; did you mean AGENTBOX_JWT_SECRET_FILE?",
    ),
    (
        {"AGENTBOX_TOKENS__ACCES_EXPIRY": "1m"},
        "AGENTBOX_TOKENS__ACCES_EXPIRY: there is no such setting; did you mean "
        "AGENTBOX_TOKENS__ACCESS_EXPIRY?",
    ),
    (
        {"AGENTBOX_SERVER__port": "1"},
        "AGENTBOX_SERVER__port: there is no such setting; did you mean AGENTBOX_SERVER__PORT?",
    ),
    ({"AGENTBOX_ZZZZZZ": "1"}, "AGENTBOX_ZZZZZZ: there is no such setting."),
    (
        {"AGENTBOX_PLUGINS__JWT__SECRTE": "x"},
        "AGENTBOX_PLUGINS__JWT__SECRTE (plugins.jwt.secrte): there is no such setting; did you "
        "mean plugins.jwt.secret?",
    ),
    (
        {"AGENTBOX_PLUGINS__JTW__SECRET": "x"},
        "AGENTBOX_PLUGINS__JTW__SECRET (plugins.jtw): no such plugin is enabled; did you mean jwt?",
    ),
    (
        {"AGENTBOX_PLUGINS__JWT__PROVIDERS": "x"},
        "AGENTBOX_PLUGINS__JWT__PROVIDERS (plugins.jwt.providers): is a table; set its members, "
        "such as AGENTBOX_PLUGINS__JWT__PROVIDERS__<KEY>.",
    ),
    (
        {"AGENTBOX_PLUGINS__JWT__PROVIDERS__CORP__EVERY": "1m"},
        "plugins.jwt.providers.corp.issuer: is needed; set "
        "AGENTBOX_PLUGINS__JWT__PROVIDERS__CORP__ISSUER, or issuer in "
        "[plugins.jwt.providers.corp].",
    ),
    (
        {"AGENTBOX_ADMIN_PASSWORD": ""},
        "AGENTBOX_ADMIN_PASSWORD (admin.password): is set but empty; give it a value or unset it.",
    ),
    (
        {"AGENTBOX_SERVER__PORT": ""},
        "AGENTBOX_SERVER__PORT (server.port): is set but empty; give it a value or unset it.",
    ),
    (
        {"AGENTBOX_CONFIG": ""},
        "AGENTBOX_CONFIG: is set but empty; name the settings file or unset it.",
    ),
    (
        {"AGENTBOX_PORT": "1", "AGENTBOX_SERVER__PORT": "2"},
        "AGENTBOX_PORT and AGENTBOX_SERVER__PORT set the same setting (server.port) to different "
        "values; unset one of them.",
    ),
    (
        {"AGENTBOX_JWT_SECRET": "x", "AGENTBOX_JWT_SECRET_FILE": "/nowhere"},
        "AGENTBOX_JWT_SECRET and AGENTBOX_JWT_SECRET_FILE are both set; unset one of them.",
    ),
    (
        {"AGENTBOX_PLUGINS__JWT__SECRET": "x", "AGENTBOX_PLUGINS__JWT__SECRET_FILE": "/nowhere"},
        "AGENTBOX_PLUGINS__JWT__SECRET_FILE (plugins.jwt.secret): "
        "AGENTBOX_PLUGINS__JWT__SECRET is set as well; unset one of them.",
    ),
    (
        {"AGENTBOX_SECRET_KEY_FILE": "/nowhere/key"},
        "AGENTBOX_SECRET_KEY_FILE (server.secret_key): the file '/nowhere/key' can't be read: "
        "No such file or directory.",
    ),
    (
        {"AGENTBOX_SECRET_KEY_FILE": "/"},
        "AGENTBOX_SECRET_KEY_FILE (server.secret_key): '/' is not a file.",
    ),
    (
        {"AGENTBOX_PLUGINS__JWT__SECRET_FILE": "/nowhere/key"},
        "AGENTBOX_PLUGINS__JWT__SECRET_FILE (plugins.jwt.secret): the file '/nowhere/key' can't "
        "be read: No such file or directory.",
    ),
    (
        {"AGENTBOX_PLUGINS__ENABLED": ","},
        "AGENTBOX_PLUGINS__ENABLED (plugins.enabled): list the plugins to enable, such as sqlite, "
        "password, jwt, apikey.",
    ),
    (
        {"AGENTBOX_PLUGINS__ENABLED": "sqlite,jwt,sqlite"},
        "AGENTBOX_PLUGINS__ENABLED (plugins.enabled): sqlite is named twice.",
    ),
    ({"AGENTBOX_GOOGLE_ENABLED": "yes"}, "AGENTBOX_GOOGLE_ENABLED: 'yes' is not true or false."),
    (
        {"AGENTBOX_JWT_REFRESH_EXPIRY": "10m"},
        "AGENTBOX_JWT_REFRESH_EXPIRY (tokens.refresh_expiry): 10m is out of the range 15m to "
        "36500d.",
    ),
    (
        {"AGENTBOX_TOKENS__REFRESH_GRACE": "11s"},
        "AGENTBOX_TOKENS__REFRESH_GRACE (tokens.refresh_grace): 11s is out of the range 0 to 10s.",
    ),
    (
        {"AGENTBOX_METRICS_ENABLED": "yes"},
        "AGENTBOX_METRICS_ENABLED (metrics.enabled): 'yes' is not true or false.",
    ),
    (
        {"AGENTBOX_METRICS_RETENTION_DAYS": "0"},
        "AGENTBOX_METRICS_RETENTION_DAYS (metrics.retention_days): '0' is not a whole number from "
        "1 to 36500.",
    ),
    (
        {"AGENTBOX_THROTTLE__ADDRESS": "10/1h"},
        "AGENTBOX_THROTTLE__ADDRESS (throttle.address): '10/1h' is not a number of failures and a "
        "time of at most 15m, such as 10/5m.",
    ),
]


@pytest.mark.parametrize(("variables", "fault"), VARIABLES, ids=lambda v: next(iter(v), ""))
def test_a_wrong_variable_is_named_with_what_would_be_right(place, variables, fault) -> None:
    assert place.faults(variables) == [fault]


def test_the_same_value_under_two_names_is_no_fault(place) -> None:
    assert place.faults({"AGENTBOX_PORT": "1", "AGENTBOX_SERVER__PORT": "1"}) == []


def test_an_empty_file_is_a_fault(place) -> None:
    path = place.secret_file("secret", "\n")
    assert place.faults({"AGENTBOX_SECRET_KEY_FILE": path}) == [
        f"AGENTBOX_SECRET_KEY_FILE (server.secret_key): the file {path!r} is empty."
    ]


def test_a_file_that_is_not_text_is_a_fault(place) -> None:
    path = place.folder / "key"
    path.write_bytes(b"\xff\xfe")
    assert place.faults({"AGENTBOX_SECRET_KEY_FILE": str(path)}) == [
        f"AGENTBOX_SECRET_KEY_FILE (server.secret_key): the file {str(path)!r} is not UTF-8 text."
    ]


def test_a_wrong_option_of_the_command_line_is_named(place) -> None:
    assert place.faults(server__port=70000) == [
        "--port (server.port): 70000 is not a whole number from 0 to 65535."
    ]


# --- the file ---

FILES = [
    (
        "[server]\n\nport = '1'",
        "settings.toml:3 (server.port): '1' is not a whole number from 0 to ",
    ),
    (
        "[server]\nprot = 1",
        "settings.toml:2 (server.prot): there is no such setting; did you mean ",
    ),
    (
        "server.prot = 1",
        "settings.toml:1 (server.prot): there is no such setting; did you mean ser",
    ),
    (
        "[sever]\nport = 1",
        "settings.toml:1 (sever): there is no such section; did you mean server?",
    ),
    ("server = 1", "settings.toml:1 (server): write its settings in a section [server]."),
    (
        "plugins = ['jwt']",
        'settings.toml:1 (plugins): write enabled = ["…"] in a section [plugins]',
    ),
    (
        "[plugins]\nenable = ['jwt']",
        "settings.toml:2 (plugins.enable): [plugins] holds enabled and ",
    ),
    (
        "[plugins]\nenabled = 'jwt'",
        "settings.toml:2 (plugins.enabled): list the plugins to enable,",
    ),
    ("[server]\nhosts = 'a'", "settings.toml:2 (server.hosts): 'a' is not a list, each text."),
    (
        "[server]\nport = {a = 1}",
        "settings.toml:2 (server.port): is a table, but should be a whole",
    ),
    ("[server]\naccess_log = 1", "settings.toml:2 (server.access_log): 1 is not true or false."),
    (
        "[tokens]\naccess_expiry = 60",
        "settings.toml:2 (tokens.access_expiry): 60 is not a duration",
    ),
    (
        "[tokens]\nrefresh_grace = '1m'",
        "settings.toml:2 (tokens.refresh_grace): 1m is out of the range 0 to 10s.",
    ),
    ("[throttle]\naddress = '1'", "settings.toml:2 (throttle.address): '1' is not a number of fa"),
    (
        "[server]\ntrusted_proxies = ['10.0.0.1/8']",
        "settings.toml:2 (server.trusted_proxies): '10.0.0.1/8' is not a network such as 10.0.0.0",
    ),
    (
        "[plugins.jwt]\nsize = 10",
        "settings.toml:2 (plugins.jwt.size): 10 is not a whole number from",
    ),
    (
        "[plugins.jwt]\nproviders = 1",
        "settings.toml:2 (plugins.jwt.providers): is a table; write it",
    ),
    ("[plugins.jwt]\nsecret = 'weak'", "settings.toml:2 (plugins.jwt.secret): secret is weak."),
    ("\n[server]\nport = ", "settings.toml:3: this is not TOML: invalid value."),
    ("[server\n", "settings.toml:1: this is not TOML: "),
    ("a = 1\na = 2\n", "settings.toml:2: this is not TOML: cannot overwrite a value"),
    ("authenticators = 1", "settings.toml:1 (authenticators): write each one as a block [[authent"),
    (
        "[[authenticators]]\ntype = 'jwt'",
        "settings.toml:1 (authenticators.id): is needed; write id",
    ),
    (
        "[[authenticators]]\nid = 'jwt'",
        "settings.toml:1 (authenticators.type): is needed; one of pa",
    ),
    (
        "[[authenticators]]\nid = 'a'\ntype = 'jtw'",
        "settings.toml:3 (authenticators.type): there is no authenticator type 'jtw'; did you mean",
    ),
    (
        "[[authenticators]]\nid = 'a'\ntype = 'jwt'\n[[authenticators]]\nid = 'a'\ntype = 'jwt'",
        "settings.toml:5 (authenticators.id): 'a' is the id of another block too.",
    ),
    (
        "[[authenticators]]\nid = 'a'\ntype = 'jwt'\n[[authenticators]]\nid = 'b'\ntype = 'jwt'\n"
        "size = 0",
        "settings.toml:7 (plugins.jwt.size): 0 is not a whole number from 1 to 9.",
    ),
]


@pytest.mark.parametrize(("text", "fault"), FILES)
def test_a_wrong_line_of_the_file_is_named(place, text: str, fault: str) -> None:
    place.write(text)
    (found,) = place.faults()
    assert found.startswith(fault)


def test_a_missing_settings_file_is_named(place) -> None:
    place.write("")
    (place.folder / "settings.toml").unlink()
    assert place.faults() == [
        "settings.toml: the settings file can't be read: No such file or directory."
    ]


def test_a_settings_file_that_is_not_text_is_named(place) -> None:
    place.write("")
    (place.folder / "settings.toml").write_bytes(b"\xff")
    assert place.faults() == ["settings.toml: the settings file is not UTF-8 text."]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[plugins.jwt]\nnames = [\n  "size = 1",\n]\nsize = 10\n', 5),
        ("[server]\npublic_url = '''\nport = 1\n'''\n[plugins.jwt]\nsize = 10\n", 6),
        ("[plugins]\njwt = { size = 10 }\n", 2),
        ("[plugins]\njwt.size = 10\n", 2),
        ('["plugins"."jwt"]\n"size" = 10\n', 2),
        ("# size = 1\n[plugins.jwt] # size = 2\nsize = 10\n", 3),
    ],
)
def test_the_scan_finds_the_line_however_the_key_is_written(place, text: str, line: int) -> None:
    place.write(text)
    assert [fault for fault in place.faults() if "plugins.jwt.size" in fault] == [
        f"settings.toml:{line} (plugins.jwt.size): 10 is not a whole number from 1 to 9."
    ]


# --- secrets ---

CANARY = "canary-7fJq2mXw"
ENCODED = base64.b64encode(CANARY.encode()).decode()


# OB-01
@pytest.mark.parametrize(
    "variables",
    [
        {"AGENTBOX_SECRET_KEY": CANARY},
        {"AGENTBOX_SECRET_KEY": ENCODED},
        {"AGENTBOX_ADMIN_PASSWORD": CANARY, "AGENTBOX_ADMIN__PASSWORD": "other"},
        {"AGENTBOX_JWT_SECRT": CANARY},
        {"AGENTBOX_GOOGLE_CLIENT_SECRT": CANARY},
        {"AGENTBOX_PLUGINS__JWT__SECRTE": CANARY},
        {"AGENTBOX_PUBLIC_URL": f"https://user:{CANARY}@auth.example.org"},
    ],
)
def test_no_fault_shows_a_secret(place, variables: dict[str, str]) -> None:
    text = " ".join(place.faults(variables))
    assert text
    assert [value for value in (CANARY, ENCODED) if value in text] == []


def test_no_fault_shows_a_secret_of_a_wrong_type(place) -> None:
    place.write("[plugins.jwt]\nsecret = 770077\n")
    assert place.faults() == ["settings.toml:2 (plugins.jwt.secret): the value is not text."]
