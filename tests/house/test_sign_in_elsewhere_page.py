"""docs/sign-in-elsewhere.md knows every failure that the code can tell of, and no other."""

from __future__ import annotations

import ast
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentbox.core.audit.refusals import OTHER, REASONS
from agentbox_oidc.options import ProviderOptions
from tests.house.tree import ROOT
from tests.process import agentbox, environment

PAGE = (ROOT / "docs" / "sign-in-elsewhere.md").read_text()

MODULES = [
    *(ROOT / "agentbox" / "core" / "identities").glob("*.py"),
    *(ROOT / "plugins" / "agentbox_oidc").glob("*.py"),
    ROOT / "agentbox" / "core" / "signing_in.py",
    ROOT / "agentbox" / "web" / "outgoing" / "client.py",
]
"""Where a sign-in elsewhere can be refused."""

REFUSING = {"LoginFailed", "refused", "_refused"}
NEVER_IN_A_SERVER = {"provider_offline"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Each call in those modules, by the last word of what is called."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func).rpartition(".")[2], node


def texts(argument: ast.expr) -> Iterator[str]:
    """The texts in an argument; one that is put together stands for all that begin like it."""
    if isinstance(argument, ast.JoinedStr):
        first = argument.values[0]
        assert isinstance(first, ast.Constant), ast.unparse(argument)
        yield from (reason for reason in REASONS if reason.startswith(str(first.value)))
        return
    for node in ast.walk(argument):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def outbound() -> set[str]:
    """What the silence of a provider is called in the audit."""
    return {
        f"provider_{text}"
        for name, call in calls()
        if name == "OutboundFailed"
        for text in texts(call.args[0])
    }


def raised() -> set[str]:
    """Every reason that the audit can have of a sign-in elsewhere."""
    found = {OTHER, "provider_unavailable"} | (outbound() & REASONS)
    for name, call in calls():
        if name in REFUSING:
            found |= {text for argument in call.args for text in texts(argument)} & REASONS
    return found


def explained() -> set[str]:
    """The first cells of the page's last table."""
    table = PAGE.partition("### What a failure means")[2]
    cells = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}


def test_every_reason_is_explained_and_no_other() -> None:
    assert explained() == raised()


def test_a_reason_that_only_sign_ins_elsewhere_have_is_found_in_the_code() -> None:
    """Else the test above would be content with less."""
    elsewhere = {
        reason for reason in REASONS if reason.startswith(("id_token_", "provider_", "answer_"))
    }

    assert elsewhere <= raised()


def test_what_a_provider_s_silence_is_called_is_a_reason() -> None:
    assert outbound() - NEVER_IN_A_SERVER <= REASONS


def test_every_line_of_the_log_is_explained() -> None:
    said = {
        text
        for name, call in calls()
        if name in {"info", "warning", "error"} and "log" in ast.unparse(call.func)
        for text in texts(call.args[0])
    }

    assert {line for line in said if f"`{line}`" not in PAGE} <= {"login_refused"}
    assert "provider_not_discovered" in said


def test_every_key_of_a_provider_stands_in_the_table_of_settings() -> None:
    table = PAGE.partition("\n## Settings\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)

    keys = {word for cell in first_cells for word in re.findall(r"`(\w+)`", cell)}
    assert keys == set(ProviderOptions.__struct_fields__)


def sections() -> Iterator[tuple[str, str, str]]:
    """Of each provider that has one: settings, the variable of its secret, what check says."""
    for section in PAGE.split("\n## ")[1:]:
        settings = re.search(r"^```toml\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        variable = re.search(r"export (AGENTBOX_\w+_SECRET(?:_FILE)?)=", section)
        told = re.search(r"^(?:# )?(\w+: register .*)$", section, re.MULTILINE)
        if settings and variable and told:
            yield settings[1], variable[1], told[1]


SECTIONS = list(sections())


@pytest.mark.parametrize(("settings", "variable", "told"), SECTIONS, ids=lambda text: text[-30:])
def test_check_says_of_each_example_what_the_page_says(
    settings: str, variable: str, told: str, tmp_path: Path
) -> None:
    file, secret = tmp_path / "agentbox.toml", tmp_path / "secret"
    file.write_text(settings)
    secret.write_text(secrets.token_urlsafe(32))
    value = str(secret) if variable.endswith("_FILE") else secret.read_text()

    env = environment(**{"AGENTBOX_CONFIG": str(file), variable: value})
    done = agentbox(tmp_path, "check", "--json", env=env)

    assert json.loads(done.stdout)["notes"] == [told]


def test_there_is_an_example_of_each_provider_that_the_page_is_for() -> None:
    told = {line.partition(":")[0] for _, _, line in SECTIONS}

    assert told == {"dex", "google", "keycloak", "authentik", "entra", "github"}
