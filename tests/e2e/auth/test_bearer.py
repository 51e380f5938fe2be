"""The Authorization header (RFC 6750): what is refused, how, and that nothing of it is a 5xx."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from multidict import CIMultiDict

from tests.e2e.people import People
from tests.live import Answer, Live

PLAIN = 'Bearer realm="agentbox"'
INVALID = 'Bearer realm="agentbox", error="invalid_token"'


async def me(live: Live, *authorization: str) -> Answer:
    headers = CIMultiDict(("Authorization", value) for value in authorization)
    async with live.anonymous._session.get("/api/v1/auth/me", headers=headers) as answer:
        text = await answer.text()
        return Answer(answer.status, answer.headers, text, json.loads(text))


BAD = [
    "", " ", "Bearer", "Bearer ", "Bearer  ", "bearer", "Basic", "Basic dXNlcjpwYXNz", "Digest x",
    "Bearer:", "Bearer=x", "BearerX y", "Token {token}", "{token}", "Bearer null",
    "Bearer undefined", "Bearer [object Object]", "Bearer .", "Bearer ..", "Bearer ...",
    "Bearer a.b.c", "Bearer a.b.c.d.e", "Bearer {token}.", "Bearer .{token}", "Bearer {token} x",
    "Bearer {token},{token}", "Bearer {token}, Basic x", 'Bearer "{token}"', "Bearer token={token}",
    "Bearer {token}=", "Bearer {token}é", "Bearer \x80\xff", "Bearer ١٢٣", "Bearer %00",
    "Bearer {token}%20", "Bearer\t{token}", "Negotiate x", "Bearer " + "x" * 7000,
    "Bearer " + "." * 7000, "Bearer eyJ.eyJ.", "Bearer eyJhbGciOiJub25lIn0.e30.",
    "Bearer ak_live_x", "Bearer {}", "Bearer <script>", "Bearer ' OR 1=1", "Bearer ../../etc",
]  # fmt: skip


async def test_a_bad_header_is_401_with_a_challenge(live: Live, people: People) -> None:
    # JWT-14
    found = {}
    for header in BAD:
        answer = await me(live, header.replace("{token}", people.user.token))
        said = (answer.status, answer.error, answer.headers.get("WWW-Authenticate"))
        if said != (401, "invalid_token", INVALID):
            found[header[:40]] = said

    assert found == {}


async def test_no_header_is_401_without_an_error(live: Live) -> None:
    # JWT-14
    answer = await live.anonymous.get("/auth/me")

    assert (answer.status, answer.error) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == PLAIN
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("space", [" ", "  ", "    "])
async def test_spaces_before_the_token_are_no_fault(live: Live, people: People, space: str) -> None:
    assert (await me(live, f"Bearer{space}{people.user.token}")).status == 200


async def test_two_credentials_are_400(live: Live, people: People) -> None:
    # JWT-14
    key = await people.admin.key()
    token = people.user.token
    two = [
        await me(live, f"Bearer {token}", f"Bearer {token}"),
        await me(live, f"Bearer {token}", f"Bearer {people.admin.token}"),
        await me(live, f"Bearer {token}", ""),
        await live.with_token(token).get("/auth/me", headers={"X-API-Key": key}),
        await live.with_token(token).get("/auth/me", headers={"X-API-Key": ""}),
        await live.with_token(key).get("/auth/me", headers={"X-API-Key": key}),
    ]

    assert {(answer.status, answer.error) for answer in two} == {(400, "invalid_request")}


@pytest.mark.parametrize("name", ["access_token", "token", "bearer_token", "Authorization"])
async def test_a_token_in_query_or_form_is_ignored(live: Live, people: People, name: str) -> None:
    # JWT-14
    token = people.super_admin.token
    answers = [
        await live.anonymous.get(f"/auth/me?{name}={token}"),
        await live.anonymous.post("/users", data={name: token, "username": "x"}),
        await live.anonymous.post("/users", {name: token, "username": "x"}),
        await live.anonymous.get("/auth/me", headers={"Cookie": f"{name}={token}"}),
    ]

    assert {(a.status, a.error) for a in answers} == {(401, "unauthorized")}


async def test_a_token_over_8_kib_is_refused_whole(live: Live) -> None:
    # JWT-05
    for size in (8_000, 8_192, 9_000, 60_000):
        answer = await live.with_token("x" * size).get("/auth/me")
        assert answer.status in {401, 431}
        assert answer.error in {"invalid_token", "headers_too_large"}


def bent_tokens(token: str) -> list[str]:
    """Texts that differ from `token` and must not stand for it."""
    head, claims, signature = token.split(".")
    bent = [token[:-number] for number in range(1, 11)]
    bent += [token + "A", token + "=", token + "==", f"{token}.", f"{head}.{claims}."]
    bent += [f"{head}.{claims}", f"{claims}.{head}.{signature}", f"{head}..{signature}"]
    bent += [token.swapcase(), token.replace(".", "%2e"), token + token]
    # The last letter of 86 carries 4 bits that no byte uses: other letters decode to the same.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bytes = letters.index(signature[-1]) ^ 1
    bent.append(f"{head}.{claims}.{signature[:-1]}{letters[same_bytes]}")
    return [text for text in bent if text != token]


async def test_a_token_that_is_cut_or_written_otherwise_is_refused(
    live: Live, people: People
) -> None:
    # JWT-12
    assert (await people.user.caller.get("/auth/me")).status == 200

    statuses = {
        (await live.with_token(text).get("/auth/me")).status
        for text in bent_tokens(people.user.token)
    }

    assert statuses == {401}


async def test_tokens_with_the_same_beginning_stay_apart(live: Live, people: People) -> None:
    # JWT-12
    first, second = people.user.token, people.admin.token
    assert first[:60] == second[:60]

    for _ in range(2):
        assert (await live.with_token(first).get("/auth/me")).body["id"] == people.user.id
        assert (await live.with_token(second).get("/auth/me")).body["id"] == people.admin.id


def decoded(part: str) -> dict[str, Any]:
    value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(value, dict)
    return value


async def test_a_token_says_what_the_contract_says(people: People) -> None:
    caller = await people.user.anew()
    head, claims, _ = caller.headers["Authorization"].removeprefix("Bearer ").split(".")

    assert set(decoded(head)) == {"alg", "kid", "typ"}
    assert (decoded(head)["alg"], decoded(head)["typ"]) == ("ES256", "at+jwt")
    stated = decoded(claims)
    assert set(stated) == {
        "iss", "aud", "sub", "client_id", "exp", "iat", "jti", "sid", "role",
    }  # fmt: skip
    assert (stated["sub"], stated["role"]) == (people.user.id, "user")
    assert stated["exp"] - stated["iat"] == 900


async def test_a_token_with_another_role_in_it_is_refused(live: Live, people: People) -> None:
    head, claims, signature = people.user.token.split(".")
    forged = decoded(claims) | {"role": "super_admin"}
    middle = base64.urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()

    answer = await live.with_token(f"{head}.{middle}.{signature}").get("/users")

    assert (answer.status, answer.error) == (401, "invalid_token")


async def test_a_token_in_the_header_for_keys_is_no_key(live: Live, people: People) -> None:
    # JWT-09
    answer = await live.with_key(people.user.token).get("/auth/me")

    assert (answer.status, answer.error) == (401, "invalid_token")
