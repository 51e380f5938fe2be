"""`[metrics] listen`: one process, and a port that serves the page and nothing else."""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path

from tests.e2e.metrics.page import SHOWING
from tests.e2e.test_process import call, given
from tests.process import agentbox, serving

LISTEN = {"AGENTBOX_METRICS__LISTEN": "127.0.0.1:0"}


def test_one_process_serves_the_page_on_a_port_of_its_own(tmp_path: Path) -> None:  # OB-05
    with serving(tmp_path, env=given(**SHOWING, **LISTEN)) as server:
        (line,) = (text for text in server.lines if '"metrics_listening"' in text)
        own = json.loads(line)["url"]
        request = urllib.request.Request(f"{own}/metrics", headers={"Host": "any.example"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            page = answer.read().decode()

        assert "agentbox_processes 1.0" in page
        assert "agentbox_info" not in page
        assert call(f"{own}/healthz")[0] == 404
        assert call(f"{server.url}/metrics")[0] == 404
        assert server.stop() == 0


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
