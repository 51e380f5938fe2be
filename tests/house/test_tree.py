"""What must not stand in any file of the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, name_of, tracked_files

# Put together here, so that this file does not find itself.
INDEX_HOSTS = "|".join(["py" + r"pi\.org", "python" + r"hosted\.org", "registry.npm" + r"js\.org"])
INDEX_OPTIONS = "|".join(["--index" + "-url", "--extra-index" + "-url", "--find" + "-links"])
MACHINE_PATHS = r"(?<![\w.])/(?:work|root|Users|home)" + r"/(?!agentbox\b)\w"
PRIVATE_KEY = "-----BEGIN" + r" [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{16}"

RULES = {
    "a package index": re.compile(f"{INDEX_HOSTS}|{INDEX_OPTIONS}"),
    "a path of somebody's machine": re.compile(MACHINE_PATHS),
    "a private key": re.compile(PRIVATE_KEY),
}

VECTORS = ROOT / "tests" / "data"
TEXTS = [path for path in tracked_files() if not path.is_relative_to(VECTORS)]


@pytest.mark.parametrize("what", RULES)
def test_no_file_names(what: str) -> None:
    found = [
        f"{name_of(path)}: {match.group()[:60]}"
        for path in TEXTS
        if (match := RULES[what].search(path.read_text(errors="replace")))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package index", "https://" + "pypi" + ".org/simple"),
        ("a path of somebody's machine", "open('/ho" + "me/alice/agentbox')"),
        ("a private key", "-----BEGIN" + " EC PRIVATE KEY-----\nMHcCAQEEIIGk1234567890"),
    ],
)
def test_the_rules_find_what_they_are_for(what: str, text: str) -> None:
    assert RULES[what].search(text)


def test_no_database_key_or_settings_of_a_server_is_kept() -> None:
    kept = {".db", ".key", ".pem", ".initial-password", ".sqlite", ".p12"}
    vectors = [path for path in tracked_files() if path.is_relative_to(VECTORS)]

    assert [name_of(p) for p in tracked_files() if p.suffix in kept and p not in vectors] == []


def test_copied_vectors_come_with_their_licence() -> None:
    folders = {path.relative_to(VECTORS).parts[0] for path in tracked_files() if _is_vector(path)}

    assert [name for name in sorted(folders) if not list((VECTORS / name).glob("LICENSE*"))] == []


def _is_vector(path: Path) -> bool:
    return path.is_relative_to(VECTORS) and path.parent != VECTORS
