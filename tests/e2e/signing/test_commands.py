"""`agentbox keys` beside a running server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.test_commands import NOTICED_WITHIN, run, statuses_until
from tests.e2e.test_process import API, call, given, sign_in
from tests.process import agentbox, environment, serving


def states(folder: Path) -> list[str]:
    return [key["state"] for key in json.loads(run(folder, "keys", "list", "--json"))["keys"]]


def published(url: str) -> list[str]:
    return [key["kid"] for key in call(f"{url}/.well-known/jwks.json")[1]["keys"]]


def test_keys_compromised_by_command_are_refused_by_the_server_within_a_second(
    tmp_path: Path,
) -> None:
    # JWT-10
    with serving(tmp_path, env=given()) as server:
        bearer = sign_in(server.url)
        made = json.loads(run(tmp_path, "keys", "rotate", "--compromised", "--yes", "--json"))
        assert statuses_until(server.url, 401, **bearer) < NOTICED_WITHIN
        assert published(server.url) == [made["kid"]]
        assert call(f"{server.url}{API}/auth/me", **sign_in(server.url))[0] == 200
        assert states(tmp_path) == ["retired", "signing"]


def test_of_two_commands_at_once_one_rotates(tmp_path: Path) -> None:
    with serving(tmp_path, env=given()) as server:
        bearer = sign_in(server.url)
        with ThreadPoolExecutor(2) as both:
            done = list(both.map(lambda _: agentbox(tmp_path, "keys", "rotate"), range(2)))
        assert sorted(each.returncode for each in done) == [0, 1], [each.stderr for each in done]
        (refused,) = [each.stderr for each in done if each.returncode]
        assert "A new key is announced" in refused
        assert "Traceback" not in refused
        assert states(tmp_path) == ["signing", "announced"]
        assert call(f"{server.url}{API}/auth/me", **bearer)[0] == 200


def test_the_list_shows_every_key_and_no_secret(tmp_path: Path) -> None:
    run(tmp_path, "keys", "rotate")
    shown = run(tmp_path, "keys", "list")
    assert "signing" in shown
    assert "announced" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_compromised_asks_first(tmp_path: Path) -> None:
    result = agentbox(tmp_path, "keys", "rotate", "--compromised", stdin="n\n", env=given())
    assert result.returncode == 1
    assert states(tmp_path) == ["signing"]


def test_with_a_shared_secret_it_says_to_change_the_secret(tmp_path: Path) -> None:
    secret = "a-q9vK2mZ7xW4tB8nR1cY6uE3sH5jL0pD"
    env = environment(AGENTBOX_JWT_SECRET=secret)
    result = agentbox(tmp_path, "keys", "rotate", env=env)
    assert result.returncode == 1
    assert "change AGENTBOX_JWT_SECRET" in result.stderr
    assert secret not in result.stderr
