"""Which texts are compact JWS, and what is read out of them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentbox.model.formats.jose import (
    LONGEST,
    CompactJws,
    MalformedJws,
    decode_base64url,
    looks_like_jws,
    parse,
    parse_claims,
)

STEADY = settings(derandomize=True, deadline=None)


def encoded(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(header: Any, payload: Any = b"{}", signature: bytes = b"signature") -> str:
    return f"{encoded(header)}.{encoded(payload)}.{encoded(signature)}"


GOOD = {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}


def test_the_parts_come_out_decoded() -> None:
    text = token(GOOD, b"payload", b"\x00\xff")
    assert parse(text) == CompactJws(
        algorithm="ES256",
        type="at+jwt",
        key_id="k1",
        header=GOOD,
        payload=b"payload",
        signing_input=text.rpartition(".")[0].encode(),
        signature=b"\x00\xff",
    )


def test_type_and_key_id_may_be_missing() -> None:
    jws = parse(token({"alg": "ES256"}))
    assert (jws.type, jws.key_id) == (None, None)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"typ": "JWT"},
        {"alg": None},
        {"alg": 256},
        {"alg": True},
        {"alg": ["ES256"]},
        {"alg": {"name": "ES256"}},
        GOOD | {"kid": 1},
        GOOD | {"kid": None},
        GOOD | {"kid": ["k1"]},
        GOOD | {"kid": {"k1": "k1"}},
        GOOD | {"typ": 1},
        GOOD | {"typ": None},
        GOOD | {"typ": ["at+jwt"]},
        [],
        ["ES256"],
        "ES256",
        1,
        None,
        b"",
        b" ",
        b"{",
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"alg":"ES256"}',
        b'{"alg":"none","alg":"ES256"}',
        b'{"alg":"none","\\u0061lg":"ES256"}',
        b'{"alg":"ES256"} x',
        b'{"alg":"ES256","x":NaN}',
        b'{"alg":"ES256","x":1e999}',
        b'{"alg":"ES256","kid":"\\u0000"}',
        b'{"alg":"ES256","kid":"\\ud800"}',
        b'{"alg":"ES256","x":' + b"[" * 40 + b"]" * 40 + b"}",
    ],
    ids=str,
)
def test_a_header_that_is_not_as_it_should_be_is_refused(header: Any) -> None:  # JWT-05, IV-04
    with pytest.raises(MalformedJws):
        parse(token(header))


@pytest.mark.parametrize(
    "member",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": ["http://example.com/UNDEFINED"], "http://example.com/UNDEFINED": True},
        {"crit": ["alg"]},
        {"crit": []},
        {"crit": None},
        {"crit": "exp"},
        {"crit": {"exp": True}},
        {"crit": [1]},
        {"b64": False},
        {"b64": True},
        {"zip": "DEF"},
    ],
    ids=str,
)
def test_a_header_that_changes_the_rules_is_refused(member: dict[str, Any]) -> None:  # JWT-05
    with pytest.raises(MalformedJws, match="not implemented"):
        parse(token(GOOD | member))


HEADER, PAYLOAD, SIGNATURE = token(GOOD, {"sub": "u"}, b"\xfb\xff\xfe").split(".")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        HEADER,
        f"{HEADER}.{PAYLOAD}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}.",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}.{SIGNATURE}",
        f".{PAYLOAD}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}.x.y",
        f"{HEADER}..{SIGNATURE}.{SIGNATURE}.{SIGNATURE}",
        f" {HEADER}.{PAYLOAD}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}\n",
        f"{HEADER}\n.{PAYLOAD}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD[:4]} {PAYLOAD[4:]}.{SIGNATURE}",
        f"{HEADER}=.{PAYLOAD}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}==.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}=",
        f"{HEADER}.{PAYLOAD}.+/+/",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}!",
        f"{HEADER}.{PAYLOAD}.A",
        f"{HEADER}.{PAYLOAD}.AB",
        f"{HEADER}.{PAYLOAD}.AAB",
        f"{HEADER}.{PAYLOAD}.é",
        f"{HEADER}.{PAYLOAD}.\u0661",
        f"{HEADER}.{PAYLOAD}.\x00",
        f"{HEADER}.{PAYLOAD}.\ud800",
        json.dumps({"payload": PAYLOAD, "protected": HEADER, "signature": SIGNATURE}),
        json.dumps({"payload": PAYLOAD, "signatures": [{"protected": HEADER}]}),
        "Bearer " + token(GOOD),
    ],
    ids=repr,
)
def test_other_spellings_and_serialisations_are_refused(text: str) -> None:  # JWT-05
    with pytest.raises(MalformedJws):
        parse(text)


def test_a_token_of_the_longest_size_is_read_and_one_more_is_not() -> None:  # JWT-05
    text = token(GOOD, b"x" * 6000, b"")
    text += "A" * (LONGEST - len(text))
    assert parse(text).signature is not None
    with pytest.raises(MalformedJws, match="longer"):
        parse(text + "A")


def test_a_caller_may_read_longer_tokens_but_no_longer_headers() -> None:  # JWT-05
    text = token(GOOD, b"x" * 8000, b"")
    longest = len(text)
    assert longest > LONGEST
    assert parse(text, longest).payload == b"x" * 8000
    with pytest.raises(MalformedJws, match="longer"):
        parse(text, longest - 1)
    with pytest.raises(MalformedJws, match="header is longer"):
        parse(token({**GOOD, "x5c": ["A" * LONGEST]}, b"{}", b""), 10 * LONGEST)


def test_fifty_megabytes_are_refused_by_their_length_alone() -> None:  # JWT-05
    text = "ey" + "." * 50_000_000
    times = []
    for _ in range(5):
        begin = time.process_time()
        with pytest.raises(MalformedJws, match="longer"):
            parse(text)
        times.append(time.process_time() - begin)
    assert min(times) < 0.01


@pytest.mark.parametrize("payload", [b"[]", b"1", b"null", b'"x"', b"", b'{"a":1,"a":2}', b"{} {}"])
def test_claims_are_one_well_formed_object(payload: bytes) -> None:  # IV-04
    with pytest.raises(MalformedJws):
        parse_claims(payload)


def test_errors_hold_nothing_of_the_token() -> None:
    for text in (token({"alg": 1, "canary": 1}), "canary.canary.canary", token(b'{"canary"')):
        with pytest.raises(MalformedJws) as caught:
            parse(text)
        assert "canary" not in repr(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@STEADY
@given(st.binary(max_size=64))
def test_base64url_has_one_spelling_for_each_text(data: bytes) -> None:
    text = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert decode_base64url(text) == data


@STEADY
@given(st.text("ABab01-_+/= \n.é", max_size=9))
def test_what_is_decoded_is_written_the_same_way(text: str) -> None:
    try:
        data = decode_base64url(text)
    except MalformedJws:
        return
    assert base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text


@STEADY
@given(st.text(max_size=200) | st.text("ey.{}\"'AZaz09-_= ", max_size=200))
def test_no_text_raises_anything_else(text: str) -> None:
    looks_like_jws(text)
    try:
        parse(text)
    except MalformedJws:
        return
    assert looks_like_jws(text) or text.count(".") == 2


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (token(GOOD), True),
        (token({"alg": "none"}, signature=b""), True),
        ("eyJ.x.y", True),
        ("ak_live_000000000000_0", False),
        ("eyJ.x", False),
        ("eyJ.x.y.z", False),
        ("", False),
        ("a.b.c", False),
    ],
)
def test_a_token_is_recognised_by_its_shape_alone(text: str, answer: bool) -> None:
    assert looks_like_jws(text) is answer
