"""Health, readiness, and the keys that verify tokens."""

from __future__ import annotations

import base64

import jwt
import pytest

from agentbox.errors import StorageError
from tests.e2e.people import People
from tests.e2e.wire import send
from tests.live import Answer, Live

READY = ["/readyz", "/api/v1/health"]


async def test_the_process_answers(live: Live) -> None:
    answer = await live.anonymous.get("/healthz")

    assert (answer.status, answer.body) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", READY)
async def test_it_is_ready(live: Live, path: str) -> None:
    answer = await live.anonymous.get(path)

    assert (answer.status, answer.body) == (200, {"status": "ready"})


class BrokenPing:
    """A database that does not answer."""

    async def __call__(self) -> None:
        raise StorageError("no such database: /srv/agentbox.db is gone")


@pytest.fixture
def broken(live: Live, monkeypatch: pytest.MonkeyPatch) -> Live:
    monkeypatch.setattr(live.runtime.storage, "ping", BrokenPing())
    return live


async def unready(live: Live, path: str) -> Answer:
    answer = await live.anonymous.get(path)
    assert (answer.status, answer.error) == (503, "unavailable")
    return answer


@pytest.mark.parametrize("path", READY)
async def test_without_a_database_it_is_not_ready_but_alive(broken: Live, path: str) -> None:
    # OP-05 OB-05
    answer = await unready(broken, path)

    assert "srv" not in answer.text
    assert (await broken.anonymous.get("/healthz")).status == 200


@pytest.mark.parametrize("path", READY)
async def test_while_it_drains_it_serves_but_is_not_ready(
    live: Live, people: People, path: str
) -> None:
    # OP-04
    live.runtime.draining = True

    await unready(live, path)

    assert (await live.anonymous.get("/healthz")).status == 200
    assert (await people.user.caller.get("/auth/me")).status == 200


@pytest.mark.parametrize("path", ["/healthz", *READY])
async def test_probes_answer_to_any_host_and_credential_and_say_nothing_more(
    live: Live, path: str
) -> None:
    # OB-05
    token = "Authorization: Bearer stale"
    said = await send(live, f"GET {path} HTTP/1.1", "Host: 10.0.0.7:8080", token)

    assert said.status == 200
    assert said.text in {'{"status":"ok"}', '{"status":"ready"}'}
    assert "Server" not in said.headers


PUBLIC_MEMBERS = {"kty", "kid", "alg", "use", "crv", "x", "y"}


async def test_the_key_set_has_public_members_alone(live: Live) -> None:
    # JWT-10
    answer = await live.anonymous.get("/.well-known/jwks.json")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert set(answer.body) == {"keys"}
    [key] = answer.body["keys"]
    assert set(key) == PUBLIC_MEMBERS
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert all(len(base64.urlsafe_b64decode(key[name] + "=")) == 32 for name in "xy")


async def test_a_stranger_verifies_a_token_with_the_key_set(live: Live, people: People) -> None:
    keys = jwt.PyJWKSet.from_dict((await live.anonymous.get("/.well-known/jwks.json")).body)
    token = people.user.token
    kid = jwt.get_unverified_header(token)["kid"]

    claims = jwt.decode(
        token,
        keys[kid],
        algorithms=["ES256"],
        audience="http://127.0.0.1:8080",
        issuer="http://127.0.0.1:8080",
    )

    assert claims["sub"] == people.user.id


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example",
     "evil.example#localhost", "user@localhost", "localhost:80:80", "", "[::2]", "0.0.0.0",
     "localhost/", "localhost, evil.example", "2130706433", "localhost:x"],
)  # fmt: skip
async def test_a_host_that_is_not_ours_is_400(live: Live, host: str) -> None:
    # WB-05
    for path in ("/api/v1/auth/login", "/api/v1/users", "/.well-known/jwks.json", "/openapi.json"):
        said = await send(live, f"GET {path} HTTP/1.1", f"Host: {host}")
        assert (said.status, said.error) == (400, "invalid_request")
        assert not host or host not in said.text


async def test_two_hosts_or_none_are_400(live: Live) -> None:
    # WB-05
    two = await send(live, "GET /api/v1/users HTTP/1.1", "Host: localhost", "Host: evil.example")
    none = await send(live, "GET /api/v1/users HTTP/1.1")

    assert (two.status, none.status) == (400, 400)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost:1", "127.0.0.1", "127.0.0.1:65535", "[::1]:80"]
)
async def test_loopback_names_match_with_any_port(live: Live, host: str) -> None:
    said = await send(live, "GET /.well-known/jwks.json HTTP/1.1", f"Host: {host}")

    assert said.status == 200
