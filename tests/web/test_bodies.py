"""Bodies: size, media type, strict JSON, types."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.web.live import Live, serving, split

VECTORS = Path(__file__).parents[1] / "data" / "json-test-suite" / "test_parsing"
LIMIT = 64 * 1024
# Well-formed, and refused on purpose: equal names (IV-04) and NUL (IV-05).
REFUSED_ON_PURPOSE = {
    "y_object_duplicated_key.json": 400,
    "y_object_duplicated_key_and_value.json": 400,
    "y_object_escaped_null_in_key.json": 422,
    "y_string_null_escape.json": 422,
}

OVER_64_KIB = {"n_structure_100000_opening_arrays.json", "n_structure_open_array_object.json"}


def chunked(data: bytes, size: int = 1000) -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


async def post(live: Live, body: bytes, *headers: tuple[str, str], path: str = "/items") -> Any:
    return await live.ask("POST", path, body=body, headers=headers)


# --- size -------------------------------------------------------------------------------------


@pytest.mark.parametrize("over", [0, 1], ids=["at the limit", "over it"])
async def test_64_kib_is_the_limit_for_a_declared_length(live: Live, over: int) -> None:  # IV-01
    padding = "x" * (LIMIT + over - len('{"name":""}'))
    answer = await post(live, json.dumps({"name": padding}, separators=(",", ":")).encode())

    assert answer.status == (413 if over else 200)


@pytest.mark.parametrize("over", [0, 1], ids=["at the limit", "over it"])
async def test_64_kib_is_the_limit_for_chunks(live: Live, over: int) -> None:  # IV-01
    padding = "x" * (LIMIT + over - len('{"name":""}'))
    body = chunked(json.dumps({"name": padding}, separators=(",", ":")).encode())
    answer = await post(live, body, ("Transfer-Encoding", "chunked"))

    assert answer.status == (413 if over else 200)


async def test_a_declared_length_over_the_limit_is_refused_before_the_body_comes(
    live: Live,
) -> None:  # IV-01
    head = b"POST /items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    [answer] = await live.send(head + b"Content-Length: 1000000000000\r\n\r\n")

    assert (answer.status, answer.json["error"]) == (413, "payload_too_large")
    assert answer.headers["connection"] == "close"


async def test_an_encoded_body_is_415_and_never_unpacked(live: Live) -> None:  # IV-01
    bomb = gzip.compress(b"[" + b" " * 10_000_000 + b"]")
    answer = await post(live, bomb[:60_000], ("Content-Encoding", "gzip"))

    assert answer.status == 415


async def test_a_slow_body_is_cut_at_the_deadline() -> None:
    async with serving(body_deadline=0.05) as live:
        head = b"POST /items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        [answer] = await live.send(head + b'Content-Length: 12\r\n\r\n{"na')

    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert answer.headers["connection"] == "close"


async def test_a_body_that_no_route_wants_is_ignored(live: Live) -> None:
    answer = await post(live, b"\xff not json", path="/bodiless")

    assert answer.status == 200


async def test_the_next_request_follows_a_body_that_was_ignored(live: Live) -> None:
    one = b"POST /bodiless HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nGET /"
    answers = await live.send(one + b"GET /public HTTP/1.1\r\nHost: localhost\r\n\r\n", answers=2)

    assert [answer.status for answer in answers] == [200, 200]


async def test_the_body_is_asked_for_only_when_it_will_be_read(live: Live) -> None:
    """RFC 9110 section 10.1.1: no 100 before a refusal."""
    head = b"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 12\r\n"
    expect = b"Expect: 100-continue\r\n\r\n"
    reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
    writer.write(b"POST /guarded HTTP/1.1\r\nConnection: close\r\n" + head + expect)
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 401")
    writer.close()

    reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
    writer.write(b"POST /items HTTP/1.1\r\nConnection: close\r\n" + head + expect)
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(b'{"name":"x"}')
        assert split(await reader.read())[0].status == 200
    writer.close()


# --- media type -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/jsonp",
        "application/problem+json",
        "",
    ],
)
async def test_anything_but_json_in_utf_8_is_415(live: Live, kind: str) -> None:  # IV-06
    answer = await post(live, b'{"name":"x"}', ("Content-Type", kind))

    assert (answer.status, answer.json["error"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", 'application/json; charset="UTF-8"'],
)
async def test_json_in_utf_8_is_read(live: Live, kind: str) -> None:
    assert (await post(live, b'{"name":"x"}', ("Content-Type", kind))).status == 200


async def test_no_body_where_one_is_needed_is_400(live: Live) -> None:
    answer = await live.ask("POST", "/items")

    assert (answer.status, answer.json["error"]) == (400, "malformed_body")


# --- JSON -------------------------------------------------------------------------------------


def expected(name: str) -> set[int]:
    if name in REFUSED_ON_PURPOSE:
        return {REFUSED_ON_PURPOSE[name]}
    if name in OVER_64_KIB:
        return {413}
    return {"y": {200}, "n": {400}, "i": {200, 400, 422}}[name[0]]


@pytest.mark.parametrize("letter", "yni")
async def test_the_json_vectors_over_http(live: Live, letter: str) -> None:  # IV-03
    """Valid is taken, invalid is 400, what is left open is one of both, and nothing is 5xx."""
    wrong = []
    for path in sorted(VECTORS.glob(f"{letter}_*.json")):
        data = path.read_bytes()
        value = await post(live, b'{"value":' + data + b"}", path="/anything")
        alone = await post(live, data, path="/anything")
        # a text of its own can't be an {"value": …}, so what is well-formed is 422 there
        allowed = {422 if status == 200 else status for status in expected(path.name)}
        if value.status not in expected(path.name) and path.name not in CHANGED_BY_WRAPPING:
            wrong.append((path.name, "wrapped", value.status))
        if alone.status not in allowed:
            wrong.append((path.name, "alone", alone.status))

    assert wrong == []


# Texts that are wrong alone and right, or wrong in another way, inside of an object.
CHANGED_BY_WRAPPING = {"n_structure_no_data.json", "n_single_space.json"}


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"a","name":"b"}',
        '{"name":"a","n\\u0061me":"b"}',
        '{"name":"a","nested":{"x":1,"\\u0078":2}}',
        '\ufeff{"name":"a"}',
        '{"name":"a"}{"name":"b"}',
        '{"name":"a"} // comment',
        '{"name":"a","ratio":NaN}',
        '{"name":"a","ratio":1e999}',
        '{"name":"a","count":99999999999999999999}',
        '{"name":"\\ud800"}',
        '{"value":' + "[" * 40 + "]" * 40 + "}",
        '{"value":' + "[" * 60_000,
    ],
)
async def test_what_is_not_one_json_text_is_400(live: Live, text: str) -> None:  # IV-03, IV-04
    answer = await post(live, text.encode())

    assert (answer.status, answer.json["error"]) == (400, "malformed_body")


@pytest.mark.parametrize(
    "data",
    [b'{"name":"\xff"}', b'{"name":"\xed\xa0\x80"}', '{"name":"a"}'.encode("utf-16")],
    ids=["bad UTF-8", "encoded surrogate", "UTF-16"],
)
async def test_what_is_not_utf_8_is_400(live: Live, data: bytes) -> None:  # IV-05
    assert (await post(live, data)).json["error"] == "malformed_body"


async def test_nul_is_422_and_says_where(live: Live) -> None:  # IV-05
    answer = await post(live, b'{"name":"a","tags":["b","\\u0000"]}')

    assert (answer.status, answer.json["error"]) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/tags/1"]


# --- types ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "pointer"),
    [
        ('"count":"1"', "/count"),
        ('"count":1.5', "/count"),
        ('"count":true', "/count"),
        ('"count":101', "/count"),
        ('"count":1000000000000000000', "/count"),
        ('"on":"false"', "/on"),
        ('"on":0', "/on"),
        ('"on":null', "/on"),
        ('"tags":"a"', "/tags"),
        ('"tags":{"a":1}', "/tags"),
        ('"tags":["a",1]', "/tags/1"),
        ('"nested":[]', "/nested"),
        ('"role":"root"', "/role"),
        ('"unknown":1', "/unknown"),
        ('"a/b~c":1', "/a~1b~0c"),
    ],
)
async def test_types_are_strict(live: Live, member: str, pointer: str) -> None:  # IV-06
    answer = await post(live, f'{{"name":"a",{member}}}'.encode())

    assert (answer.status, answer.json["error"]) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]


@pytest.mark.parametrize("text", ["[]", '"a"', "1", "null", "true"])
async def test_a_body_that_is_no_object_is_422(live: Live, text: str) -> None:  # IV-06
    answer = await post(live, text.encode())

    assert answer.status == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == [""]


async def test_all_faults_are_told_at_once(live: Live) -> None:
    answer = await post(live, b'{"count":"x","on":1,"extra":1,"more":2}')

    pointers = [fault["pointer"] for fault in answer.json["errors"]]
    assert pointers == ["/name", "/count", "/on", "/extra", "/more"]


async def test_a_type_that_forgot_to_forbid_unknown_fields_refuses_them_too(live: Live) -> None:
    answer = await post(live, b'{"value":1,"other":2}', path="/anything")

    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/other"]


async def test_a_thousand_faults_are_cut(live: Live) -> None:
    body = json.dumps({f"field{number}": 1 for number in range(1000)}).encode()

    assert len((await post(live, body)).json["errors"]) == 50
