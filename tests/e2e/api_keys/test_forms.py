"""How a key is presented, and that one that is not whole is refused without a look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from multidict import CIMultiDict

from agentbox.model.formats.api_key import checksum
from tests.e2e.people import People
from tests.e2e.wire import send
from tests.live import Live

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Reads:
    """How many transactions that only read were begun."""

    def __init__(self) -> None:
        self.number = 0


@pytest.fixture
def reads(live: Live) -> Iterator[Reads]:
    counted, storage = Reads(), live.runtime.storage
    transaction = storage.transaction

    def counting(*, read_only: bool = False, **options: Any) -> Any:
        counted.number += read_only
        return transaction(read_only=read_only, **options)

    storage.transaction = counting  # type: ignore[method-assign]
    yield counted
    del storage.transaction


def other_letter(letter: str) -> str:
    return LETTERS[(LETTERS.index(letter) + 1) % 62]


def with_changed(text: str, place: int) -> str:
    return text[:place] + other_letter(text[place]) + text[place + 1 :]


async def test_a_good_key_takes_reads(live: Live, people: People, reads: Reads) -> None:
    key = await people.user.key()
    before = reads.number

    assert (await live.with_key(key).get("/auth/me")).status == 200
    assert reads.number > before


async def test_a_changed_letter_is_refused_without_a_read(
    live: Live, people: People, reads: Reads
) -> None:
    # AK-01
    key = await people.user.key()
    before = reads.number
    for place in (-1, -2, -6, -7, -20, -49, 8, 12, 19):
        answer = await live.with_key(with_changed(key, place % len(key))).get("/auth/me")
        assert (answer.status, answer.error) == (401, "invalid_token")

    assert reads.number == before


async def test_a_key_that_is_cut_or_longer_is_refused_without_a_read(
    live: Live, people: People, reads: Reads
) -> None:
    # AK-01
    key = await people.user.key()
    before = reads.number
    bent = [key[:-number] for number in range(1, 11)]
    bent += [key + "0", key + key[-1], key + key, "x" + key, key[1:], key.swapcase(), key.upper()]
    bent += [key[:20], key.replace("_", "-"), key.replace("ak_live_", "ak_test_")]
    for text in bent:
        answer = await live.with_key(text).get("/auth/me")
        assert (answer.status, answer.error) == (401, "invalid_token")

    assert reads.number == before


async def test_a_right_checksum_over_a_wrong_secret_is_refused(live: Live, people: People) -> None:
    # AK-01
    key = await people.user.key()
    body = with_changed(key[:-6], 25)

    answer = await live.with_key(body + checksum(body)).get("/auth/me")

    assert (answer.status, answer.error) == (401, "invalid_token")
    assert (await live.with_key(key).get("/auth/me")).status == 200


SENT: list[tuple[str, list[tuple[str, str]], int, str]] = [
    ("empty", [("X-API-Key", "")], 401, "invalid_token"),
    ("blank", [("X-API-Key", "   ")], 401, "invalid_token"),
    ("a tab", [("X-API-Key", "\t")], 401, "invalid_token"),
    ("twice", [("X-API-Key", "{key}"), ("X-API-Key", "{key}")], 400, "invalid_request"),
    ("twice, one empty", [("X-API-Key", "{key}"), ("X-API-Key", "")], 400, "invalid_request"),
    ("a list", [("X-API-Key", "{key}, {key}")], 401, "invalid_token"),
    ("a list of one", [("X-API-Key", "{key},")], 401, "invalid_token"),
    ("over-long", [("X-API-Key", "ak_live_" + "x" * 7000)], 401, "invalid_token"),
    ("not ASCII", [("X-API-Key", "{key}é")], 401, "invalid_token"),
    ("other digits", [("X-API-Key", "ak_live_١٢٣٤")], 401, "invalid_token"),
    ("with a scheme", [("X-API-Key", "Bearer {key}")], 401, "invalid_token"),
    ("quoted", [("X-API-Key", '"{key}"')], 401, "invalid_token"),
    ("null", [("X-API-Key", "null")], 401, "invalid_token"),
    ("undefined", [("X-API-Key", "undefined")], 401, "invalid_token"),
    ("a star", [("X-API-Key", "*")], 401, "invalid_token"),
    ("only the prefix", [("X-API-Key", "ak_live_")], 401, "invalid_token"),
    (
        "in both headers",
        [("X-API-Key", "{key}"), ("Authorization", "Bearer {key}")],
        400,
        "invalid_request",
    ),
    ("other header", [("Api-Key", "{key}")], 401, "unauthorized"),
    ("underscores", [("X_API_Key", "{key}")], 401, "unauthorized"),
    ("a cookie", [("Cookie", "X-API-Key={key}; token={key}")], 401, "unauthorized"),
    ("basic, as user", [("Authorization", "Basic {key}")], 401, "invalid_token"),
    ("spaces around", [("X-API-Key", "  {key}  ")], 200, ""),
]


@pytest.mark.parametrize(
    ("headers", "status", "error"), [row[1:] for row in SENT], ids=[row[0] for row in SENT]
)
async def test_key_headers(
    live: Live, people: People, headers: list[tuple[str, str]], status: int, error: str
) -> None:
    # AK-07
    key = await people.user.key()
    sent = CIMultiDict((name, value.replace("{key}", key)) for name, value in headers)

    session = live.anonymous._session
    async with session.get("/api/v1/auth/me", headers=sent) as answer:
        body = await answer.json(content_type=None)

    assert (answer.status, body.get("error", "")) == (status, error)


@pytest.mark.parametrize("second", ["X-API-Key: x", "x-api-key: x", "X-API-Key:", "x-Api-KEY:  "])
async def test_two_keys_are_400_however_the_header_is_written(
    live: Live, people: People, second: str
) -> None:
    # AK-07
    first = f"X-API-Key: {await people.user.key()}"

    said = await send(live, "GET /api/v1/auth/me HTTP/1.1", "Host: localhost", first, second)

    assert (said.status, said.error) == (400, "invalid_request")


@pytest.mark.parametrize("place", ["query", "form", "json", "path"])
async def test_a_key_anywhere_else_is_not_looked_at(live: Live, people: People, place: str) -> None:
    key = await people.user.key()
    ask = {
        "query": ("GET", f"/auth/me?api_key={key}&X-API-Key={key}", {}),
        "form": ("POST", "/api-keys", {"data": {"api_key": key}}),
        "json": ("POST", "/api-keys", {"json": {"api_key": key}}),
        "path": ("GET", f"/api-keys/{key}", {}),
    }
    method, path, options = ask[place]

    answer = await live.anonymous.request(method, path, **options)

    assert (answer.status, answer.error) == (401, "unauthorized")
