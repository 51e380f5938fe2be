"""`[metrics] listen`: one process, and a port that serves the page and nothing else."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

from tests.e2e.metrics.page import SHOWING
from tests.e2e.test_process import call, given
from tests.process import agentbox, serving

URL = "https://auth.example.org"
LISTEN = {"AGENTBOX_METRICS__LISTEN": "127.0.0.1:0"}


def test_one_process_serves_the_page_on_a_port_of_its_own(tmp_path: Path) -> None:  # OB-05
    with serving(tmp_path, env=given(**SHOWING, **LISTEN)) as server:
        (line,) = (text for text in server.lines if '"metrics_listening"' in text)
        own = json.loads(line)["url"]
        with urllib.request.urlopen(f"{own}/metrics", timeout=10) as answer:
            page = answer.read().decode()

        assert "agentbox_processes 1.0" in page
        assert "agentbox_info" not in page
        assert call(f"{own}/healthz")[0] == 404
        assert call(f"{server.url}/metrics")[0] == 404
        assert server.stop() == 0


def status_as(url: str, host: str) -> int:
    """Of the page, asked for under that name."""
    request = urllib.request.Request(f"{url}/metrics", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_page_has_names_of_ours_and_addresses_and_none_that_others_make_up(  # OB-05
    tmp_path: Path,
) -> None:
    names = {"AGENTBOX_SERVER__HOSTS": "agentbox.internal", "AGENTBOX_SERVER__PUBLIC_URL": URL}
    env = given(**SHOWING, **LISTEN, **names)
    with serving(tmp_path, env=env) as server:
        (line,) = (text for text in server.lines if '"metrics_listening"' in text)
        own = json.loads(line)["url"]
        ours = (
            *("localhost:9464", "agentbox.internal:9464", "auth.example.org:9464"),
            *("10.1.2.3", "10.1.2.3:9464", "[fd00::1]:9464"),
        )
        of_others = ("evil.example", "10.1.2.3.evil.example", "10.1", "[::1].evil.example", "")

        assert {host: status_as(own, host) for host in ours} == dict.fromkeys(ours, 200)
        assert {host: status_as(own, host) for host in of_others} == dict.fromkeys(of_others, 400)
        assert status_as(server.url, "10.1.2.3") == 400  # that holds for its own port alone


def test_a_port_that_nobody_has_a_page_for_is_said_in_the_log(tmp_path: Path) -> None:
    with serving(tmp_path, env=given(**LISTEN)) as server:
        (line,) = (text for text in server.lines if '"metrics_listening"' in text)
        status, _ = call(f"{json.loads(line)['url']}/metrics")

        assert status == 404
        assert any('"nobody_shows_metrics"' in text for text in server.lines)


def test_a_port_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        env = given(**SHOWING, AGENTBOX_METRICS__LISTEN=listen)
        result = agentbox(tmp_path, "serve", "--port", "0", env=env)

    assert result.returncode != 0
    assert f"Can't listen on {listen} ([metrics] listen)" in result.stderr
