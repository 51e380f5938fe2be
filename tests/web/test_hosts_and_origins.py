"""Which Host a request may name, and which pages may read the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentbox.web.hosts import AcceptedHosts
from tests.web.live import Live, serving

PUBLIC = "https://auth.example.com"
ORIGIN = "https://app.example.com"


@pytest.fixture
async def deployed() -> AsyncIterator[Live]:
    """A server with a public address, one more name and one origin."""
    async with serving(
        public_url=PUBLIC, hosts=("agentbox", "alias.test:8443"), cors_origins=(ORIGIN, "null", "*")
    ) as live:
        yield live


@pytest.mark.parametrize(
    "host",
    [
        *("auth.example.com", "AUTH.example.COM", "auth.example.com.", "auth.example.com:443"),
        *(
            "localhost",
            "localhost:1",
            "127.0.0.1",
            "127.0.0.1:8080",
            "[::1]:99",
            "LocalHost",
            "localhost:",
        ),
        *("agentbox", "agentbox:8080", "alias.test:8443"),
    ],
)
async def test_our_own_names_are_accepted(deployed: Live, host: str) -> None:  # WB-05
    assert (await deployed.ask("GET", "/public", host=host)).status == 200
    assert (await deployed.ask("GET", "/public", host=host)).status == 200  # remembered


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.test",
            "auth.example.com.evil.test",
            "evil-auth.example.com",
            "auth.example.com:80",
        ),
        *("alias.test", "alias.test:443", "127.0.0.1.evil.test", "127.0.0.2", "0.0.0.0", "[::]"),
        *("", " ", "localhost:x", "auth.example.com, evil.test", "a@localhost"),
        *("localhost/evil", "http://localhost", "[::1", "localhost:80:80", "é.test", "localhost#"),
        *("127.1", "2130706433", "localhost\udcff", "auth.example.com..", "localhost%00"),
    ],
)
@pytest.mark.parametrize("path", ["/public", "/any", "/nowhere", "/items"])
async def test_any_other_host_is_400_and_not_echoed(  # WB-05
    deployed: Live, host: str, path: str
) -> None:
    answer = await deployed.ask("GET", path, host=host)

    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert b"evil" not in answer.body
    assert deployed.handlers.calls == 0


async def test_a_probe_answers_to_any_host(deployed: Live) -> None:
    assert (await deployed.ask("GET", "/probe", host="10.1.2.3:8080")).status == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://auth.example.com/public", 200),
        ("http://evil.test/public", 400),
        ("http://auth.example.com@evil.test/public", 400),
        ("http://evil.test:80/public", 400),
        ("HTTP://EVIL.TEST/public", 400),
    ],
)
async def test_an_address_in_the_request_line_must_be_ours_too(  # WB-05
    deployed: Live, target: str, status: int
) -> None:
    assert (await deployed.ask("GET", target, host="auth.example.com")).status == status


def test_no_host_at_all_is_not_ours() -> None:
    assert "" not in AcceptedHosts(PUBLIC, ())


def test_ten_thousand_spellings_do_not_fill_the_memory() -> None:
    hosts = AcceptedHosts(PUBLIC, ())

    assert all(f"localhost:{port}" in hosts for port in range(10_000))
    assert len(hosts._seen) <= 256


def test_a_configured_host_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="is not a host"):
        AcceptedHosts(PUBLIC, ["https://x.test"])


# --- origins ------------------------------------------------------------------------------------

LOOK_ALIKES = [
    "null",
    "*",
    "",
    "https://app.example.com.evil.test",
    "https://evil-app.example.com",
    "https://x.app.example.com",
    "https://example.com",
    "http://app.example.com",
    "https://app.example.com:444",
    "https://app.example.com/",
    "https://APP.example.com",
    "https://app.example.com, https://evil.test",
]


@pytest.mark.parametrize("origin", LOOK_ALIKES)
async def test_a_look_alike_origin_gets_nothing(deployed: Live, origin: str) -> None:  # WB-03
    simple = await deployed.ask("GET", "/public", headers=[("Origin", origin)])
    preflight = await deployed.ask(
        "OPTIONS",
        "/public",
        headers=[("Origin", origin), ("Access-Control-Request-Method", "GET")],
    )

    assert (simple.status, preflight.status) == (200, 405)
    for answer in (simple, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", ["/public", "/any", "/nowhere", "/fail", "/items"])
async def test_a_configured_origin_may_read_every_answer(
    deployed: Live, path: str
) -> None:  # WB-03
    answer = await deployed.ask("GET", path, headers=[("Origin", ORIGIN)])

    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_of_a_configured_origin_is_answered(deployed: Live) -> None:  # WB-03
    answer = await deployed.ask(
        "OPTIONS",
        "/items/a",
        headers=[("Origin", ORIGIN), ("Access-Control-Request-Method", "DELETE")],
    )

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_preflight_for_an_unknown_path_is_404(deployed: Live) -> None:
    answer = await deployed.ask(
        "OPTIONS",
        "/nowhere",
        headers=[("Origin", ORIGIN), ("Access-Control-Request-Method", "GET")],
    )

    assert answer.status == 404


@pytest.mark.parametrize("origin", [ORIGIN, *LOOK_ALIKES])
async def test_without_configured_origins_nobody_gets_anything(  # WB-03
    live: Live, origin: str
) -> None:
    answer = await live.ask(
        "OPTIONS", "/public", headers=[("Origin", origin), ("Access-Control-Request-Method", "GET")]
    )

    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
