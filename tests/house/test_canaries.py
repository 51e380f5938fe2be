"""The look for secrets in what tests print finds each kind, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentbox.model.formats.api_key import KeyFormat
from agentbox.model.formats.reset_secret import new_reset_secret
from tests.canaries import FORMS, found_in
from tests.house.tree import ROOT
from tests.live import USER_PASSWORD

SAMPLES = {
    "an API key": KeyFormat("ak_live_", ()).generate().text.reveal(),
    "a reset secret": new_reset_secret().reveal(),
    "a refresh token": "abr_" + "aB-_" * 20,
    "an access token": ".".join(["eyJ" + "a" * 30] * 3),
    "a password": USER_PASSWORD,
    "a password hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
    "a private key": "-----BEGIN " + "PRIVATE KEY-----",
    "a header of a collector": "canary-of-otlp-4711",
    "a secret of a provider": "canary-code-" + "aB-_" * 5,
}

TEST = """
def test_that_prints():
    print({text!r})
"""


@pytest.mark.parametrize("kind", FORMS)
def test_a_secret_is_found_in_the_middle_of_a_line(kind: str) -> None:  # OB-01
    assert list(found_in(f'{{"event": "x", "value": "{SAMPLES[kind]}"}}')) == [kind]


def test_ids_and_prefixes_are_no_secrets() -> None:
    shown = KeyFormat("ak_live_", ()).generate().shown

    assert list(found_in(f"api_key:{shown} user:{'a' * 20} abr_ abreset_ eyJ")) == []


def test_a_test_that_prints_a_secret_fails(tmp_path: Path) -> None:  # OB-01
    (tmp_path / "test_printing.py").write_text(TEST.format(text=SAMPLES["an API key"]))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "printed an API key" in done.stdout
    assert "1 failed" in done.stdout
