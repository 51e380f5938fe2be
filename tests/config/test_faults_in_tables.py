"""A fault deep in the tables of a plugin's options is told with the line of its own key."""

from __future__ import annotations

import pytest

PROVIDERS = """\
[plugins]
enabled = ["jwt"]

[plugins.jwt.providers.corp]
issuer = "https://corp.example.org"
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[plugins.jwt.providers.a-b]\nevery = '1m'\nissuer = 'bad'",
            "settings.toml:9 (plugins.jwt.providers.a-b.issuer): providers.a-b.issuer is bad.",
        ),
        (
            "[plugins.jwt.providers.bad]\nissuer = 'x'",
            "settings.toml:7 (plugins.jwt.providers.bad): providers.bad is bad.",
        ),
        (
            "[plugins.jwt.providers.'bad one']\nissuer = 'x'",
            "settings.toml:7 (plugins.jwt.providers.bad one): providers.bad one is bad.",
        ),
        (
            "[plugins.jwt.providers.corp2]\nissuer = 'x'\n"
            "[plugins.jwt.providers.'corp2.issuer']\nissuer = 'bad'",
            "settings.toml:10 (plugins.jwt.providers.corp2.issuer.issuer): "
            "providers.corp2.issuer.issuer is bad.",
        ),
        (
            "[plugins.jwt.providers]\nx = {every = '1m', issuer = 'bad'}",
            "settings.toml:8 (plugins.jwt.providers.x.issuer): providers.x.issuer is bad.",
        ),
        (
            "[plugins.jwt.providers.slow]\nissuer = 'x'",
            "settings.toml:7 (plugins.jwt.providers.slow.every): providers.slow.every is too long.",
        ),
        (
            "[plugins.jwt.providers.a-b]\nevery = '1m'",
            "settings.toml:7 (plugins.jwt.providers.a-b.issuer): is needed; set "
            "AGENTBOX_PLUGINS__JWT__PROVIDERS__A_B__ISSUER, or issuer in "
            "[plugins.jwt.providers.a-b].",
        ),
        (
            "[plugins.jwt.provider.x]\nissuer = 'x'",
            "settings.toml:7 (plugins.jwt.provider): there is no such setting; did you mean "
            "plugins.jwt.providers?",
        ),
    ],
)
def test_a_fault_deep_in_a_plugin_s_tables_has_its_own_line(place, text: str, fault: str) -> None:
    place.write(f"{PROVIDERS}\n{text}\n")
    assert place.faults() == [fault]


def test_a_fault_deep_in_a_plugin_s_tables_is_that_of_the_variable(place) -> None:
    place.write(PROVIDERS)
    assert place.faults({"AGENTBOX_PLUGINS__JWT__PROVIDERS__CORP__ISSUER": "bad"}) == [
        "AGENTBOX_PLUGINS__JWT__PROVIDERS__CORP__ISSUER (plugins.jwt.providers.corp.issuer): "
        "providers.corp.issuer is bad."
    ]


def test_a_table_with_a_header_of_its_own_has_the_line_of_that(place) -> None:
    place.write("[plugins.jwtt.providers.x]\nissuer = 'x'\n[plugins.jwtt]\nsize = 1\n")
    assert place.faults() == [
        "settings.toml:3 (plugins.jwtt): no such plugin is enabled; did you mean jwt?"
    ]
