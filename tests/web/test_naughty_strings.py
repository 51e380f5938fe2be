"""The big list of naughty strings, in every place where a client can put text."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.web.live import Live

LIST = Path(__file__).parents[1] / "data" / "naughty-strings" / "blns.json"
STRINGS: list[str] = json.loads(LIST.read_text(encoding="utf-8"))
SURROGATES = [text for text in STRINGS if any("\ud800" <= c <= "\udfff" for c in text)]


def header_safe(text: str) -> str:
    """What can be sent in a header at all: no line ends, which would be another header."""
    return text.replace("\r", " ").replace("\n", " ").replace("\0", " ")


def test_the_list_is_there() -> None:
    assert len(STRINGS) > 500


async def test_in_a_body_each_comes_back_as_it_was(live: Live) -> None:
    wrong = []
    for text in STRINGS:
        body = json.dumps({"value": text}).encode()
        answer = await live.ask("POST", "/anything", body=body)
        if text in SURROGATES or "\0" in text:
            good = answer.status in {400, 422}
        else:
            good = answer.status == 200 and answer.json["body"]["value"] == text
        if not good:
            wrong.append((text, answer.status))

    assert wrong == []


async def test_in_a_query_each_comes_back_as_it_was(live: Live) -> None:
    wrong = []
    for text in STRINGS:
        answer = await live.ask("GET", f"/query?search={quote(text, safe='', errors='replace')}")
        if "\0" in text:
            good = answer.status == 422
        elif len(quote(text, safe="")) > 8000:
            good = answer.status == 431
        else:
            good = answer.status == 200 and answer.json["query"]["search"] == text
        if not good:
            wrong.append((text, answer.status))

    assert wrong == []


async def test_in_a_path_each_is_404_or_itself(live: Live) -> None:
    wrong = []
    for text in STRINGS:
        answer = await live.ask("GET", f"/items/{quote(text, safe='')}")
        good = answer.status == 404 or (
            answer.status == 200 and answer.json["path"] == {"item_id": text}
        )
        if not good:
            wrong.append((text, answer.status))

    assert wrong == []


@pytest.mark.parametrize(
    ("name", "path", "allowed"),
    [
        ("Authorization", "/any", {400, 401}),
        ("X-API-Key", "/any", {400, 401}),
        ("X-Request-Id", "/public", {200, 400}),
        ("User-Agent", "/public", {200, 400}),
        ("Content-Type", "/items", {400, 405}),
        ("Accept", "/public", {200, 400}),
        ("Origin", "/public", {200, 400}),
        ("Host", "/public", {400}),
        ("Expect", "/public", {200, 400}),
        ("X-Forwarded-Host", "/public", {200, 400}),
    ],
)
async def test_in_a_header_none_is_a_5xx(
    live: Live, name: str, path: str, allowed: set[int]
) -> None:
    wrong = []
    for text in map(header_safe, STRINGS):
        host = None if name == "Host" else "localhost"
        answer = await live.ask("GET", path, headers=[(name, text)], host=host)
        if answer.status not in allowed:
            wrong.append((text, answer.status))

    assert wrong == []


async def test_in_an_authorization_with_the_right_scheme_none_is_accepted(live: Live) -> None:
    """JWT-14."""
    statuses = set()
    for text in map(header_safe, STRINGS):
        answer = await live.ask("GET", "/any", headers=[("Authorization", f"Bearer {text}")])
        statuses.add(answer.status)

    assert statuses <= {400, 401}


async def test_as_a_raw_target_none_is_a_5xx(live: Live) -> None:
    """Unencoded, as a hostile client would send it."""
    statuses = set()
    for text in map(header_safe, STRINGS):
        target = text.encode("utf-8", "surrogatepass")
        head = (
            b"GET /items/" + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        statuses |= {answer.status for answer in await live.send(head, close=True)}

    assert statuses <= {200, 400, 404}
