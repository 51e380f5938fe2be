"""From configuration to settings and plugins: everything wrong is told at once."""

from __future__ import annotations

import pytest

from agentbox.core.startup import assemble
from agentbox.errors import ConfigurationError


def faults(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        assemble(None, environ, {})
    return "\n".join(refused.value.faults)


def test_the_defaults_load_four_plugins_and_metrics() -> None:
    names = assemble(None, {}, {}).plugins.names
    assert names == ("sqlite", "password", "jwt", "apikey", "metrics")


def test_without_metrics_their_plugin_is_not_loaded() -> None:
    names = assemble(None, {"AGENTBOX_METRICS_ENABLED": "false"}, {}).plugins.names
    assert names == ("sqlite", "password", "jwt", "apikey")


# PL-01
def test_a_plugin_that_is_not_installed_is_named() -> None:
    assert "no-such-plugin" in faults({"AGENTBOX_PLUGINS__ENABLED": "sqlite,no-such-plugin"})


def test_faults_of_names_and_of_plugins_are_told_together() -> None:
    told = faults(
        {
            "AGENTBOX_PLUGINS__ENABLED": "sqlite,no-such-plugin",
            "AGENTBOX_SERVER__NO_SUCH_SETTING": "1",
        }
    )

    assert ("no-such-plugin" in told, "NO_SUCH_SETTING" in told) == (True, True)


def test_faults_of_values_and_of_plugins_are_told_together() -> None:
    told = faults({"AGENTBOX_PLUGINS__ENABLED": "sqlite,no-such-plugin", "AGENTBOX_PORT": "eighty"})

    assert ("no-such-plugin" in told, "AGENTBOX_PORT" in told) == (True, True)


def test_faults_of_several_settings_are_told_together() -> None:
    told = faults({"AGENTBOX_PORT": "eighty", "AGENTBOX_JWT_EXPIRY": "soon"})

    assert ("AGENTBOX_PORT" in told, "AGENTBOX_JWT_EXPIRY" in told) == (True, True)
