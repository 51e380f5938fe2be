"""docs/deployment/compose.yaml: its parts run without Docker, which the tests do not have."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.load import Connection
from tests.deployment.proxies import haproxy
from tests.deployment.shipped import FOLDER, HOST, free_ports, text_of, write_private
from tests.process import STRONG_PASSWORD, ServerProcess, agentbox, environment

COMPOSE: Mapping[str, Any] = yaml.safe_load(text_of("compose.yaml"))
SERVICES: Mapping[str, Any] = COMPOSE["services"]
REPLICAS = [name for name in SERVICES if name.startswith("replica-")]
SECRETS = "/run/secrets/"


def test_all_that_services_name_is_declared() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert set(service.get("depends_on", [])) <= set(SERVICES), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            made_by_hand = source.startswith("./secrets/")
            assert source in COMPOSE["volumes"] or made_by_hand or (FOLDER / source).is_file()


def test_replicas_are_confined_and_have_time_to_drain() -> None:
    for name in REPLICAS:
        service = SERVICES[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["stop_signal"] == "SIGTERM"
        assert int(service["stop_grace_period"].removesuffix("s")) > 3 + 30
        assert "USER 10001" in service["build"]["dockerfile_inline"]


def test_the_balancers_address_is_the_one_that_is_trusted() -> None:
    (address,) = [network["ipv4_address"] for network in SERVICES["haproxy"]["networks"].values()]
    for name in REPLICAS:
        trusted = SERVICES[name]["environment"]["AGENTBOX_SERVER__TRUSTED_PROXIES"]
        assert trusted == f"{address}/32"


def test_the_image_is_made_by_the_commands_that_the_readme_names() -> None:
    (recipe,) = {SERVICES[name]["build"]["dockerfile_inline"] for name in REPLICAS}
    words = shlex.split(recipe.replace("\\\n", " ").replace("/src/", ""))
    for file in ("requirements/build.txt", "requirements/runtime.txt"):
        assert file in words
        assert (FOLDER / SERVICES[REPLICAS[0]]["build"]["context"] / file).is_file()


async def test_the_services_work_together_as_processes(tmp_path: Path, fresh_dsn: str) -> None:
    """Their variables and command, but for the places of secrets, and addresses."""
    with replicas(tmp_path, fresh_dsn) as ports:
        servers = SERVICES["haproxy"]["environment"]
        assert [servers[f"REPLICA_{number}"] for number in (1, 2, 3)] == [
            f"{name}:{SERVICES[name]['environment']['AGENTBOX_PORT']}" for name in REPLICAS
        ]
        with haproxy(tmp_path, ports) as proxy:
            body = f'{{"username": "admin", "password": "{STRONG_PASSWORD}"}}'
            request = (
                f"POST /api/v1/auth/login HTTP/1.1\r\nHost: {HOST}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            )
            health(ports[0])
            async with asyncio.timeout(20):
                connection = await Connection.made(proxy)
                status, _ = await connection.ask(request.encode())
            connection.close()
    assert status == 200


@contextmanager
def replicas(folder: Path, dsn: str) -> Iterator[list[int]]:
    """All of them, started at once on an empty database; their ports."""
    secrets = {
        "db_dsn": dsn,
        "secret_key": agentbox(folder, "secret", "new").stdout,
        "admin_password": STRONG_PASSWORD,
    }
    for name, value in secrets.items():
        write_private(folder / name, value)
    ports = [*free_ports(len(REPLICAS))]
    with ExitStack() as stack:
        servers = []
        for name, port in zip(REPLICAS, ports, strict=True):
            service = SERVICES[name]
            assert service["command"] == ["agentbox", "serve"]
            given = {
                variable: value.replace(SECRETS, f"{folder}/")
                for variable, value in service["environment"].items()
            } | {"AGENTBOX_HOST": "127.0.0.1"}
            server = ServerProcess(folder, "--port", str(port), env=environment(**given))
            stack.callback(end, server)
            servers.append(server)
        for server in servers:
            server.wait_until_listening()
        yield ports


def health(port: int) -> None:
    """The services' own check, as it stands there."""
    (check,) = {tuple(SERVICES[name]["healthcheck"]["test"]) for name in REPLICAS}
    assert check[:3] == ("CMD", "python", "-c")
    code = check[3].replace(":8080/", f":{port}/")
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0


def end(server: ServerProcess) -> None:
    """Whatever happened to it."""
    if server.process.poll() is None:
        server.process.kill()
    server.wait()
