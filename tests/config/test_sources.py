"""Where settings come from, and which source wins."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agentbox.config.schema import DEFAULT_PLUGINS
from agentbox.errors import ConfigurationError
from agentbox.plugin.options import Secret


def test_without_any_file_the_defaults_hold(place) -> None:
    settings = place.settings()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)


def test_without_any_file_the_chain_has_one_of_each_type_in_the_order_of_the_plugins(place) -> None:
    settings = place.settings()
    assert [(block.id, block.type) for block in settings.authenticators] == [
        ("password", "password"),
        ("jwt", "jwt"),
        ("apikey", "apikey"),
    ]


def test_the_file_wins_over_the_defaults(place) -> None:
    place.write("[server]\nport = 1\n")
    assert place.settings().server.port == 1


def test_a_variable_wins_over_the_file(place) -> None:
    place.write("[server]\nport = 1\n")
    assert place.settings({"AGENTBOX_PORT": "2"}).server.port == 2


def test_the_command_line_wins_over_a_variable(place) -> None:
    place.write("[server]\nport = 1\n")
    assert place.settings({"AGENTBOX_PORT": "2"}, server__port=3).server.port == 3


def test_an_option_that_was_not_given_overrides_nothing(place) -> None:
    assert place.settings({"AGENTBOX_PORT": "2"}, server__port=None).server.port == 2


def test_agentbox_config_names_the_file(place) -> None:
    place.write("[server]\nport = 1\n")
    place.file = None
    assert place.settings({"AGENTBOX_CONFIG": "settings.toml"}).server.port == 1


def test_agentbox_toml_in_the_working_directory_is_used(place) -> None:
    (place.folder / "agentbox.toml").write_text("[server]\nport = 1\n")
    assert place.sources().path == Path("agentbox.toml")


def test_a_file_that_was_named_is_used_alone(place) -> None:
    (place.folder / "agentbox.toml").write_text("[server]\nport = 1\n")
    place.write("")
    assert place.settings().server.port == 8080


@pytest.mark.parametrize(
    ("variables", "plugins"),
    [
        ({}, DEFAULT_PLUGINS),
        ({"AGENTBOX_PLUGINS__ENABLED": "sqlite, jwt"}, ("sqlite", "jwt")),
        ({"AGENTBOX_DB_DSN": "postgres://x/y"}, ("postgres", "password", "jwt", "apikey")),
        (
            {"AGENTBOX_PLUGINS__POSTGRES__DSN": "postgres://x/y"},
            ("postgres", "password", "jwt", "apikey"),
        ),
        (
            {"AGENTBOX_DB_DSN": "postgres://x/y", "AGENTBOX_PLUGINS__ENABLED": "jwt,postgres"},
            ("jwt", "postgres"),
        ),
        (
            {"AGENTBOX_DB_DSN": "postgres://x/y", "AGENTBOX_PLUGINS__ENABLED": "jwt"},
            ("postgres", "jwt"),
        ),
        ({"AGENTBOX_GOOGLE_ENABLED": "true"}, (*DEFAULT_PLUGINS, "google")),
        ({"AGENTBOX_GOOGLE_ENABLED": "false"}, DEFAULT_PLUGINS),
    ],
)
def test_the_environment_names_plugins(place, variables, plugins) -> None:
    assert place.sources(variables).enabled == (*plugins, "metrics")


def test_the_file_names_plugins(place) -> None:
    place.write('[plugins]\nenabled = ["sqlite", "apikey"]\n')
    assert place.settings().plugins == ("sqlite", "apikey", "metrics")


def test_metrics_keep_the_place_that_they_are_named_at(place) -> None:
    variables = {"AGENTBOX_PLUGINS__ENABLED": "metrics, sqlite"}
    assert place.sources(variables).enabled == ("metrics", "sqlite")


@pytest.mark.parametrize("text", ["false", "False", "0"])
def test_a_variable_switches_metrics_off(place, text) -> None:
    place.write("[metrics]\nenabled = true\n")
    assert place.sources({"AGENTBOX_METRICS_ENABLED": text}).enabled == DEFAULT_PLUGINS


def test_the_file_switches_metrics_off(place) -> None:
    place.write("[metrics]\nenabled = false\n")
    assert place.sources().enabled == DEFAULT_PLUGINS
    assert place.settings().metrics.enabled is False


def test_the_environment_switches_metrics_on_again(place) -> None:
    place.write("[metrics]\nenabled = false\n")
    variables = {"AGENTBOX_METRICS_ENABLED": "true"}
    assert place.sources(variables).enabled == (*DEFAULT_PLUGINS, "metrics")


def test_options_of_a_plugin_stand_in_its_table_beside_enabled(place) -> None:
    place.write('[plugins]\nenabled = ["jwt"]\n[plugins.jwt]\nsize = 7\n')
    assert place.settings().plugin_options["jwt"].size == 7


def test_a_variable_spells_a_hyphen_as_an_underscore(place) -> None:
    place.write('[plugins]\nenabled = ["my-plugin"]\n')
    sources = place.sources({"AGENTBOX_PLUGINS__MY_PLUGIN__SIZE": "3"})
    assert sources.root.table("plugins", "my-plugin").plain() == {"size": "3"}


def test_variables_reach_options_inside_options(place) -> None:
    variables = {
        "AGENTBOX_PLUGINS__JWT__PROVIDERS__CORP__ISSUER": "https://idp.example.org",
        "AGENTBOX_PLUGINS__JWT__PROVIDERS__CORP__EVERY": "5m",
    }
    provider = place.settings(variables).plugin_options["jwt"].providers["corp"]
    assert (provider.issuer, provider.every) == ("https://idp.example.org", timedelta(minutes=5))


def test_a_variable_reaches_a_table_of_the_file_whose_name_has_a_hyphen(place) -> None:
    place.write(
        "[plugins.jwt.providers.my-idp]\nissuer = 'https://idp.example.org'\n"
        "[plugins.jwt.providers.my_own]\nissuer = 'https://own.example.org'\n"
    )
    variables = {
        "AGENTBOX_PLUGINS__JWT__PROVIDERS__MY_IDP__EVERY": "5m",
        "AGENTBOX_PLUGINS__JWT__PROVIDERS__MY_OWN__EVERY": "6m",
    }

    providers = place.settings(variables).plugin_options["jwt"].providers

    assert {id_: provider.every for id_, provider in providers.items()} == {
        "my-idp": timedelta(minutes=5),
        "my_own": timedelta(minutes=6),
    }


def test_a_variable_that_could_mean_two_tables_of_the_file_means_neither(place) -> None:
    place.write(
        "[plugins.jwt.providers.my-idp]\nissuer = 'https://idp.example.org'\n"
        "[plugins.jwt.providers.My_Idp]\nissuer = 'https://own.example.org'\n"
    )
    sources = place.sources({"AGENTBOX_PLUGINS__JWT__PROVIDERS__MY_IDP__EVERY": "5m"})

    tables = sources.root.table("plugins", "jwt", "providers")
    assert tables.table("my_idp").plain() == {"every": "5m"}


@pytest.mark.parametrize(
    ("name", "text", "dotted", "value"),
    [
        (
            "AGENTBOX_SERVER__HOSTS",
            "a.example, b.example:81",
            "hosts",
            ("a.example", "b.example:81"),
        ),
        ("AGENTBOX_SERVER__HOSTS", "", "hosts", ()),
        ("AGENTBOX_SERVER__ACCESS_LOG", "false", "access_log", False),
        ("AGENTBOX_SERVER__DRAIN_DELAY", "250ms", "drain_delay", timedelta(milliseconds=250)),
        ("AGENTBOX_SERVER__LOG_LEVEL", "debug", "log_level", "debug"),
    ],
)
def test_variables_are_typed(place, name, text, dotted, value) -> None:
    assert getattr(place.settings({name: text}).server, dotted) == value


# --- _FILE ---


def test_a_file_variable_reads_the_value_without_one_newline(place) -> None:
    path = place.secret_file("password", "pass word \n\n")
    settings = place.settings({"AGENTBOX_ADMIN_PASSWORD_FILE": path})
    assert settings.admin.password == Secret("pass word \n")


def test_a_file_variable_works_for_long_names(place) -> None:
    path = place.secret_file("port", "99\n")
    assert place.settings({"AGENTBOX_SERVER__PORT_FILE": path}).server.port == 99


def test_agentbox_port_file_is_a_setting_and_not_from_kubernetes(place) -> None:
    path = place.secret_file("port", "99\n")
    assert place.settings({"AGENTBOX_PORT_FILE": path}).server.port == 99


def test_a_file_variable_works_for_options_of_plugins(place) -> None:
    path = place.secret_file("secret", "from the file\n")
    settings = place.settings({"AGENTBOX_PLUGINS__JWT__SECRET_FILE": path})
    assert settings.plugin_options["jwt"].secret == Secret("from the file")


def test_an_option_whose_own_name_ends_in_file_is_taken_as_it_is(place) -> None:
    settings = place.settings({"AGENTBOX_PLUGINS__JWT__KEY_FILE": "/nowhere/key"})
    assert settings.plugin_options["jwt"].key_file == Path("/nowhere/key")


# --- what Kubernetes sets ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AGENTBOX_SERVICE_HOST", "10.0.0.1"),
        ("AGENTBOX_SERVICE_PORT_HTTP", "8080"),
        ("AGENTBOX_PORT", "tcp://10.0.0.1:8080"),
        ("AGENTBOX_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("AGENTBOX_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("AGENTBOX_POSTGRES_SERVICE_HOST", "10.0.0.2"),
        ("AGENTBOX_POSTGRES_PORT", "tcp://10.0.0.2:5432"),
        ("AGENTBOX_POSTGRES_PORT_5432_TCP_PROTO", "tcp"),
        ("AGENTBOX_TEST_SCALE", "10"),
    ],
)
def test_what_kubernetes_and_the_tests_set_is_ignored(place, name, value) -> None:
    assert place.settings({name: value}) == place.settings()


# --- the second pass without all plugins ---


def test_the_faults_of_the_first_pass_are_known_before_plugins_load(place) -> None:
    assert place.sources({"AGENTBOX_PROT": "1"}).faults == (
        "AGENTBOX_PROT: there is no such setting; did you mean AGENTBOX_PORT?",
    )


def test_a_plugin_that_did_not_load_hides_no_other_fault(place) -> None:
    from agentbox.config import find_faults

    place.write('[[authenticators]]\nid = "X"\ntype = "of-the-broken-one"\n')
    sources = place.sources({"AGENTBOX_PORT": "x", "AGENTBOX_PROT": "1"})
    assert find_faults(sources, {}, {}) == (
        "AGENTBOX_PROT: there is no such setting; did you mean AGENTBOX_PORT?",
        "AGENTBOX_PORT (server.port): 'x' is not a whole number from 0 to 65535.",
        "settings.toml:2 (authenticators.id): 'X' is not 1 to 32 of a-z 0-9 _ -, the first a "
        "letter.",
    )


def test_all_faults_are_raised_at_once(place) -> None:
    place.write("[server]\nprot = 1\n")
    with pytest.raises(ConfigurationError) as caught:
        place.settings({"AGENTBOX_PORT": "x", "AGENTBOX_PROT": "1"})
    assert len(caught.value.faults) == 3
