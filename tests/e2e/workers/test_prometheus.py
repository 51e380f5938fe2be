"""A real Prometheus reads a server of two workers, and what it reads holds when one is killed."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.test_process import API, call, sign_in, wait_until
from tests.e2e.workers.conftest import Servers
from tests.e2e.workers.looking import events, kill, workers_of
from tests.e2e.workers.prometheus import checked, prometheus
from tests.process import ServerProcess

PLUGINS = {"AGENTBOX_PLUGINS__ENABLED": "postgres,password,jwt,apikey,prometheus"}
ME = f"{API}/auth/me"
COUNTED = f'sum(agentbox_http_requests_total{{route="{ME}",status="2xx"}})'


def page(url: str, accept: str = "", **headers: str) -> tuple[str, str]:
    """The page and its media type."""
    sent = headers | ({"Accept": accept} if accept else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=sent), timeout=10) as answer:
        return answer.read().decode(), answer.headers["Content-Type"]


def value(text: str, series: str) -> float:
    """What a page says of one series."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"{series} "))
    return float(line.rpartition(" ")[2])


def key_of(server: ServerProcess, headers: dict[str, str]) -> str:
    status, made = call(
        f"{server.url}{API}/api-keys",
        "POST",
        {"name": "prometheus", "scopes": ["system:read"]},
        **headers,
    )
    assert status == 201, made
    return str(made["key"])


def test_prometheus_reads_both_workers_by_an_api_key(servers: Servers, tmp_path: Path) -> None:
    server = servers.serve(**PLUGINS, AGENTBOX_METRICS_COLLECTION_INTERVAL="5s")
    headers = sign_in(server.url)
    key = key_of(server, headers)
    with prometheus(tmp_path, server.url.removeprefix("http://"), key) as reader:
        reader.until("up{job='agentbox'}", 1)
        for _ in range(40):
            assert call(f"{server.url}{ME}", **headers)[0] == 200
        assert reader.until(COUNTED, 40) == 40
        assert reader.value("agentbox_processes") == 2
        assert reader.until("agentbox_users", 1) == 1
        assert reader.value("agentbox_info") == 1
        # Each scrape is a check of the key, and a request of its own.
        reader.until("agentbox_credential_checks_total{kind='api_key'}", 2)

    assert server.stop() == 0


def test_what_was_counted_never_goes_back_when_workers_are_killed(
    servers: Servers, tmp_path: Path
) -> None:
    server = servers.serve(**PLUGINS)
    headers = sign_in(server.url)
    key = key_of(server, headers)
    series = f'agentbox_http_requests_total{{method="GET",route="{ME}",status="2xx"}}'
    answered, seen = 0, [0.0]

    def scrape() -> str:
        text, _ = page(f"{server.url}/metrics", Authorization=f"Bearer {key}")
        seen.append(value(text, series))
        return text

    with prometheus(tmp_path, server.url.removeprefix("http://"), key) as reader:
        reader.until("up{job='agentbox'}", 1)
        for _ in range(3):
            for _ in range(20):
                assert call(f"{server.url}{ME}", **headers)[0] == 200
                answered += 1
                scrape()
            wait_until(
                lambda: value(scrape(), series) == answered,  # noqa: B023
                "a worker does not tell what it has counted",
            )
            ready = len(events(server, "worker_ready"))
            kill(workers_of(server)[0])
            wait_until(
                lambda: len(events(server, "worker_ready")) > ready,  # noqa: B023
                "nobody takes the place of the killed",
                30,
            )
            wait_until(
                lambda: value(scrape(), "agentbox_processes") == 2, "two processes are told", 10
            )
        assert seen[-1] == answered
        assert seen == sorted(seen)
        assert reader.until(COUNTED, answered) == answered
        assert reader.value(f"resets({COUNTED.removeprefix('sum(').removesuffix(')')}[5m])") == 0


def test_the_page_has_nothing_that_promtool_minds(servers: Servers) -> None:
    server = servers.serve(**PLUGINS)
    headers = sign_in(server.url)
    call(f"{server.url}/nothing")
    text, kind = page(f"{server.url}/metrics", **headers)
    openly, other = page(
        f"{server.url}/metrics",
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
        **headers,
    )

    assert checked(text) == ""
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert other == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert openly.endswith("\n# EOF\n")


def test_a_port_of_its_own_serves_the_page_to_anybody_and_nothing_else(  # OB-05
    servers: Servers, tmp_path: Path
) -> None:
    server = servers.start(**PLUGINS, AGENTBOX_METRICS__LISTEN="127.0.0.1:0")
    server.wait_until_listening()
    (announced,) = events(server, "metrics_listening")
    own = announced["url"]
    text, _ = page(f"{own}/metrics")
    with prometheus(tmp_path, own.removeprefix("http://")) as reader:
        assert reader.until("agentbox_processes", 2) == 2

    assert checked(text) == ""
    assert "agentbox_info" not in text  # no version for whom nobody knows
    for path in ("/", "/healthz", "/readyz", "/docs", "/openapi.json", f"{API}/auth/me"):
        assert call(f"{own}{path}")[0] == 404, path
    assert call(f"{own}/metrics", "POST", {})[0] == 405
    assert call(f"{server.url}/metrics", **sign_in(server.url))[0] == 404
    assert server.stop() == 0
    with pytest.raises(urllib.error.URLError):
        page(f"{own}/metrics")
