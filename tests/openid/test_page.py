"""docs/sign-in-elsewhere.md: its first section as somebody new would follow it."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from pathlib import Path

import yaml

from tests.deployment.shipped import free_ports
from tests.deployment.test_page import run
from tests.e2e.test_pages import ROOT, blocks
from tests.openid.fake_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider
from tests.process import environment

PAGE = "docs/sign-in-elsewhere.md"
DEX = "http://127.0.0.1:5556/dex"
SECRET = "only-for-the-first-try"


async def test_the_section_that_is_tried_goes_as_written(
    tmp_path: Path, provider: FakeProvider
) -> None:
    """Only ports, the place of the command, and the client that is known to the provider change."""
    parts = blocks(PAGE, "elsewhere")
    assert len(parts) == 5
    (port,) = free_ports(1)
    settings = re.search(r"`elsewhere.toml`:\n\n```toml\n(.*?)```", (ROOT / PAGE).read_text(), re.S)
    assert settings
    text = settings[1].replace(DEX, provider.issuer).replace('"agentbox"', f'"{CLIENT_ID}"')
    (tmp_path / "elsewhere.toml").write_text(text.replace("8080", str(port)))
    # Were a command to fail, the server would go on and hold what the test reads from.
    ends = "trap 'kill $(< serve.pid) 2> kill.log || true' EXIT\n"
    script = f"set -euo pipefail\n{ends}" + "\n".join(parts) + "wait\n"
    script = script.replace(".venv/bin/agentbox", f"{sys.executable} -m agentbox")
    script = script.replace(SECRET, shlex.quote(CLIENT_SECRET)).replace("8080", str(port))

    told = await asyncio.to_thread(run, script, tmp_path, environment())

    assert f"dex: register http://127.0.0.1:{port}/api/v1/auth/dex/callback as redirect URL" in told
    assert '{"id":"dex","kind":"redirect","name":"Dex"}' in told
    assert '"provider":"dex"' in told
    names = re.findall(r'"username":"(\w+)".*?"role":"(\w+)"', told)
    assert names == [("ada", "viewer"), ("admin", "super_admin")]
    assert "invalid_grant" in told
    assert re.search(r"login.refuse.*denied.*\n.*browser", told)
    assert re.findall(r"^[0-9]{3}$", told, re.MULTILINE) == ["401", "204", "204"]
    assert re.findall(r"(?:ada|admin) .*?(viewer|super_admin)", told)[-2:] == [
        "viewer",
        "super_admin",
    ]


def test_the_provider_of_the_page_is_set_up_for_its_settings() -> None:
    page = (ROOT / PAGE).read_text()
    text = re.search(r"`dex.yaml`:\n\n```text\n(.*?)```", page, re.S)
    assert text
    dex = yaml.safe_load(text[1])
    (client,) = dex["staticClients"]

    assert dex["issuer"] == DEX
    assert client["secret"] == SECRET
    assert f"register {client['redirectURIs'][0]} as redirect URL" in page
