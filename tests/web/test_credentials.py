"""Reading and judging what the client presents, and the order of the checks."""

from __future__ import annotations

import pytest

from agentbox.errors import AuthenticatorUnavailable, StorageError
from tests.web.live import Live

CHALLENGE = 'Bearer realm="agentbox"'
INVALID = f'{CHALLENGE}, error="invalid_token"'


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


async def test_no_credential_is_401_and_says_so(live: Live) -> None:  # JWT-14
    answer = await live.ask("GET", "/any")

    assert (answer.status, answer.json["error"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == CHALLENGE


@pytest.mark.parametrize(
    "header",
    [("Authorization", "Bearer key"), ("authorization", "bEARER   key"), ("X-API-Key", "key")],
)
async def test_one_credential_that_holds_opens_the_route(
    live: Live, header: tuple[str, str]
) -> None:
    answer = await live.ask("GET", "/any", headers=[header])

    assert (answer.status, answer.json["user"]) == (200, "u1")


async def test_the_two_headers_are_told_apart(live: Live) -> None:
    await live.ask("GET", "/any", headers=[("X-API-Key", "key")])
    await live.ask("GET", "/any", headers=[bearer("key")])

    assert [seen.scheme for seen in live.runtime.recognition.seen] == ["api_key", "bearer"]


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", "Bearer"),
        ("Authorization", "Bearer "),
        ("Authorization", ""),
        ("Authorization", "Basic a2V5OmtleQ=="),
        ("Authorization", "key"),
        ("Authorization", "Bearer key key"),
        ("Authorization", "Bearer\tkey"),
        ("Authorization", "Bearer kéy"),
        ("Authorization", "Bearer \udcff"),
        ("Authorization", "Bearer, key"),
        ("Authorization", "Token key"),
        ("Authorization", "Bearer wrong"),
        ("X-API-Key", ""),
        ("X-API-Key", "   "),
        ("X-API-Key", "kéy"),
        ("X-API-Key", "key key"),
        ("X-API-Key", "Bearer key"),
        ("X-API-Key", "null"),
    ],
)
async def test_a_credential_that_does_not_hold_is_401_invalid_token(  # JWT-14, AK-07
    live: Live, header: tuple[str, str]
) -> None:
    answer = await live.ask("GET", "/any", headers=[header])

    assert (answer.status, answer.json["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"] == INVALID


@pytest.mark.parametrize(
    "headers",
    [
        [bearer("key"), ("X-API-Key", "key")],
        [bearer("key"), bearer("key")],
        [bearer("key"), ("Authorization", "")],
        [("X-API-Key", "key"), ("X-API-Key", "key")],
        [("X-API-Key", ""), ("X-API-Key", "")],
        [("Authorization", "Basic x"), ("X-API-Key", "key")],
    ],
)
async def test_two_credentials_are_400(  # JWT-14, AK-07
    live: Live, headers: list[tuple[str, str]]
) -> None:
    answer = await live.ask("GET", "/any", headers=headers)

    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert live.runtime.recognition.seen == []


@pytest.mark.parametrize(
    "path", ["/any?access_token=key", "/any?api_key=key", "/any?X-API-Key=key"]
)
async def test_a_token_in_the_query_is_ignored(live: Live, path: str) -> None:  # JWT-14
    assert (await live.ask("GET", path)).json["error"] == "unauthorized"


async def test_a_token_in_a_form_is_ignored(live: Live) -> None:  # JWT-14
    form = ("Content-Type", "application/x-www-form-urlencoded")
    answer = await live.ask("POST", "/guarded", headers=[form], body=b"access_token=key")

    assert answer.json["error"] == "unauthorized"


@pytest.mark.parametrize(
    "headers", [[bearer("wrong")], [("X-API-Key", "")], [bearer("key"), ("X-API-Key", "key")]]
)
async def test_a_public_route_never_looks_at_credentials(
    live: Live, headers: list[tuple[str, str]]
) -> None:
    answer = await live.ask("GET", "/public", headers=headers)

    assert answer.status == 200
    assert live.runtime.recognition.seen == []


async def test_a_public_routes_401_has_a_challenge_without_error(live: Live) -> None:  # JWT-14
    answer = await live.ask("POST", "/login", headers=[bearer("stale")])

    assert (answer.status, answer.headers["www-authenticate"]) == (401, CHALLENGE)


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/items/%00", 404), ("/anything", 405)]
)
@pytest.mark.parametrize("headers", [[], [bearer("key")], [bearer("wrong")], [bearer("")]])
async def test_an_unknown_path_or_method_comes_before_any_credential(
    live: Live, path: str, status: int, headers: list[tuple[str, str]]
) -> None:
    assert (await live.ask("GET", path, headers=headers)).status == status


async def test_a_missing_scope_is_named(live: Live) -> None:  # JWT-14
    answer = await live.ask("GET", "/users/u2", headers=[bearer("key")])

    assert (answer.status, answer.json["error"]) == (403, "insufficient_scope")
    expected = f'{CHALLENGE}, error="insufficient_scope", scope="users:read"'
    assert answer.headers["www-authenticate"] == expected
    assert answer.json["scope"] == "users:read"


async def test_a_role_that_lacks_the_scope_comes_first(live: Live) -> None:
    answer = await live.ask("GET", "/users/u2", headers=[bearer("viewer")])

    assert (answer.status, answer.json["error"]) == (403, "insufficient_role")
    assert "www-authenticate" not in answer.headers


async def test_a_key_on_a_sessions_route_is_403(live: Live) -> None:
    answer = await live.ask("GET", "/session", headers=[bearer("key")])

    assert (answer.status, answer.json["error"]) == (403, "session_required")


async def test_logout_takes_an_expired_token(live: Live) -> None:
    answer = await live.ask("POST", "/logout", headers=[bearer("expired")])

    assert answer.status == 200


async def test_access_is_decided_before_the_body_is_read(live: Live) -> None:
    anonymous = await live.ask("POST", "/guarded", body=b"not json")
    scopeless = await live.ask("POST", "/guarded", headers=[bearer("key")], body=b"not json")
    allowed = await live.ask("POST", "/guarded", headers=[bearer("session")], body=b"not json")

    assert [anonymous.status, scopeless.status, allowed.status] == [401, 403, 400]


async def test_a_broken_authenticator_is_503_and_nothing_else_is_asked(live: Live) -> None:
    live.runtime.recognition.known["broken"] = AuthenticatorUnavailable(retry_after=2)
    answer = await live.ask("GET", "/any", headers=[bearer("broken")])

    assert (answer.status, answer.json["error"]) == (503, "authenticator_unavailable")
    assert answer.headers["retry-after"] == "2"
    assert len(live.runtime.recognition.seen) == 1


async def test_a_database_that_does_not_answer_is_503(live: Live) -> None:
    live.runtime.recognition.known["unlucky"] = StorageError("connection refused by 10.0.0.1")
    answer = await live.ask("GET", "/any", headers=[bearer("unlucky")])

    assert (answer.status, answer.json["error"]) == (503, "unavailable")
    assert b"10.0.0.1" not in answer.body
