"""What docs/deployment ships fits together, and is what the page says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment.replicas import DATABASE, settings
from tests.deployment.shipped import FOLDER, HOST, text_of, variables
from tests.house.tree import ROOT
from tests.process import agentbox, environment

PAGE = (ROOT / "docs" / "deployment.md").read_text()
GRACE = 30
UNIT = "agentbox@.service"
PROGRAM = "/opt/agentbox/bin/agentbox"

HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "RestrictNamespaces": "yes",
    "SystemCallArchitectures": "native",
}


def service() -> dict[str, str]:
    """The unit's assignments; of a name that stands there twice the last one."""
    lines = [line for line in text_of(UNIT).splitlines() if line and line[0] not in "#["]
    assert all(re.match(r"[A-Z]\w+=", line) for line in lines)
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def seconds(text: str) -> float:
    """`3s`, `500ms`."""
    number, unit = re.fullmatch(r"(\d+)(ms|s)", text).groups()  # type: ignore[union-attr]
    return int(number) / (1000 if unit == "ms" else 1)


def drain_delay() -> float:
    return seconds(variables(text_of("agentbox.env"))["AGENTBOX_SERVER__DRAIN_DELAY"])


def setting(name: str, of: str) -> str:
    """What follows a word of a proxy's file."""
    found = re.search(rf"\b{re.escape(of)} (\S+?);?(?:\s|$)", text_of(name))
    assert found is not None
    return found[1]


def test_the_unit_runs_as_nobody_special_and_confined() -> None:
    told = service()
    assert told["User"] == "agentbox"
    assert {name: told[name] for name in HARDENED} == HARDENED


def test_the_unit_gives_a_stop_the_time_that_it_takes() -> None:
    # OP-04: systemd must not kill a replica that drains.
    told = service()
    assert told["KillSignal"] == "SIGTERM"
    assert seconds(told["TimeoutStopSec"]) > drain_delay() + GRACE


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        assert service()["ExecStart"].startswith(PROGRAM)  # its form was looked at above
        return
    unit = tmp_path / UNIT
    program = Path(sys.executable).parent / "agentbox"
    unit.write_text(text_of(UNIT, {PROGRAM: str(program)}))
    verified = run("systemd-analyze", "verify", "--man=no", str(tmp_path / "agentbox@8081.service"))
    assert verified == ""
    judged = run("systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged)
    assert exposure is not None
    assert float(exposure[1]) < 2.0


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr if "security" not in command else done.stdout


def test_the_balancers_notice_a_stop_before_the_delay_is_over() -> None:
    # OP-04
    out_after = seconds(setting("haproxy.cfg", "inter")) * int(setting("haproxy.cfg", "fall"))
    assert out_after * 2 < drain_delay()
    upstream = text_of("nginx.conf").partition("upstream agentbox {")[2].partition("}")[0]
    idle = re.search(r"\bkeepalive_timeout (\w+);", upstream)
    assert idle is not None
    assert seconds(idle[1]) < drain_delay()


@pytest.mark.parametrize("name", ["haproxy.cfg", "nginx.conf"])
def test_no_balancer_sends_a_write_twice_or_believes_a_client(name: str) -> None:
    text = "\n".join(line for line in text_of(name).splitlines() if "#" not in line)
    assert "non_idempotent" not in text
    assert re.search(r"set.header X-Forwarded-For (%\[src\]|\$remote_addr)", text)


def test_a_replica_starts_with_the_shipped_variables_and_trusts_the_balancer(
    tmp_path: Path,
) -> None:
    given = settings(tmp_path, "postgresql://agentbox@/agentbox?host=/tmp")
    checked = agentbox(tmp_path, "check", env=environment(**given))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert given["AGENTBOX_SERVER__TRUSTED_PROXIES"] == "127.0.0.1/32"
    assert given["AGENTBOX_PUBLIC_URL"] == f"https://{HOST}"
    assert DATABASE in text_of("agentbox.env")


def test_the_shipped_variables_hold_no_secret() -> None:
    # OP-03: there is no default secret that somebody could leave as it is.
    for path in FOLDER.rglob("*"):
        if path.is_file():
            assert not re.search(r"(?i)(secret_key|password)\s*[:=]\s*[^\s{]", path.read_text()), (
                path
            )


def test_the_page_has_every_variable_of_the_shipped_files() -> None:
    """The table is the one place where somebody looks for them."""
    table = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `AGENTBOX_"))
    used = set(re.findall(r"AGENTBOX_[A-Z_]+", text_of("agentbox.env") + text_of("compose.yaml")))
    assert {name.removesuffix("_FILE") for name in used} - set(
        re.findall(r"AGENTBOX_[A-Z_]+", table)
    ) == set()


def test_every_shipped_file_stands_on_the_page() -> None:
    shipped = {path.relative_to(ROOT).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    shown = set(re.findall(r"^<!-- (docs/\S+) -->$", PAGE, re.MULTILINE))
    assert {name for name in shipped if "__pycache__" not in name} - shown == {
        "docs/deployment/nap/pyproject.toml"
    }
