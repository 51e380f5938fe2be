"""What the strict JSON reader takes, and what it refuses with which of its two errors."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentbox.model.formats.strict_json import MalformedJson, NulInText, loads

STEADY = settings(derandomize=True, deadline=None)

VECTORS = Path(__file__).parents[2] / "data" / "json-test-suite" / "test_parsing"

# Well-formed for the suite, refused here on purpose: equal names are an attack (IV-04), and NUL
# can't be stored by every backend (IV-05).
REFUSED_ON_PURPOSE = {
    "y_object_duplicated_key.json": MalformedJson,
    "y_object_duplicated_key_and_value.json": MalformedJson,
    "y_object_escaped_null_in_key.json": NulInText,
    "y_string_null_escape.json": NulInText,
}


def vectors(letter: str) -> list[Path]:
    return sorted(VECTORS.glob(f"{letter}_*.json"))


def name(path: Path) -> str:
    return path.stem


def test_the_vectors_are_there() -> None:
    assert [len(vectors(letter)) for letter in "yni"] == [95, 188, 35]


@pytest.mark.parametrize("path", vectors("n"), ids=name)
def test_what_the_suite_calls_invalid_is_refused(path: Path) -> None:  # IV-03
    with pytest.raises(MalformedJson):
        loads(path.read_bytes())


@pytest.mark.parametrize("path", vectors("y"), ids=name)
def test_what_the_suite_calls_valid_is_read_as_the_library_reads_it(path: Path) -> None:
    text = path.read_bytes()
    if path.name in REFUSED_ON_PURPOSE:
        with pytest.raises(REFUSED_ON_PURPOSE[path.name]):
            loads(text)
    else:
        assert loads(text) == json.loads(text)


@pytest.mark.parametrize("path", vectors("i"), ids=name)
def test_what_the_suite_leaves_open_is_read_or_refused_and_never_breaks(path: Path) -> None:
    with contextlib.suppress(MalformedJson, NulInText):
        loads(path.read_bytes())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"  ",
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
        b"1e999",
        b"[-1e999]",
        b'{"a": 1E400}',
        b"9223372036854775808",
        b"[-9223372036854775809]",
        b"1" * 5000,
        b"1" * 400 + b".5",
        b'{"a":1}{"b":2}',
        b'{"a":1} x',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800": 1}',
        b'{"a": ["\\udfff"]}',
        b'"\x00"',
        b'"a\nb"',
        b"{} \x00",
        b"// no\n{}",
        b"{/* no */}",
        b"[1,]",
        b"{'a':1}",
        b"[01]",
        b"[+1]",
        "[１]".encode(),
    ],
)
def test_hostile_texts_are_malformed(text: bytes) -> None:  # IV-03, IV-05
    with pytest.raises(MalformedJson):
        loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"role":"viewer","role":"super_admin"}',
        b'{"role":"viewer","r\\u006fle":"super_admin"}',
        b'[{"a":{"b":1,"b":1}}]',
        '{"ä":1,"\\u00e4":2}'.encode(),
    ],
)
def test_a_name_that_occurs_twice_is_malformed(text: bytes) -> None:  # IV-04
    with pytest.raises(MalformedJson, match="twice"):
        loads(text)


def test_names_that_differ_in_normalisation_alone_are_two_names() -> None:
    assert loads(b'{"\\u00e4":1,"a\\u0308":2}') == {"\u00e4": 1, "a\u0308": 2}


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (rb'"\u0000"', ""),
        (rb'{"name":"a\u0000b"}', "/name"),
        (rb'{"list":[1,{"x/y~z":"\u0000"}]}', "/list/1/x~1y~0z"),
        (rb'{"outer":{"in\u0000ner":1}}', "/outer"),
    ],
)
def test_nul_is_reported_with_where_it_is(text: bytes, pointer: str) -> None:  # IV-05
    with pytest.raises(NulInText) as caught:
        loads(text)
    assert caught.value.pointer == pointer


def test_a_malformed_text_with_nul_is_malformed() -> None:
    with pytest.raises(MalformedJson):
        loads(rb'["\u0000", "\ud800"]')


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_read_to_the_limit_and_not_beyond(opening: str, closing: str) -> None:  # IV-03
    text = opening * 32 + "1" + closing * 32
    assert loads(text.encode())
    with pytest.raises(MalformedJson, match="deeper than 32"):
        loads(f"[{text}]".encode())


def test_many_shallow_brackets_are_no_depth() -> None:
    assert loads(b"[" + b",".join([b"[]"] * 5000) + b"]") == [[] for _ in range(5000)]


def test_brackets_inside_texts_are_no_depth() -> None:
    tricky = [r"\"[[[{{{" * 100, "\\" * 41, "[" * 1000]
    assert loads(json.dumps(tricky).encode()) == tricky


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 65536,
        b'{"a":' * 13000,
        b'"' + b'\\"' * 32767,
        b'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["' + b'\\"' * 32000,
        b'"\\' * 32768,
        b'"[' * 32768,
    ],
)
def test_64_kib_of_hostile_nesting_are_refused_at_once(text: bytes) -> None:
    begin = time.process_time()
    with pytest.raises(MalformedJson):
        loads(text)
    assert time.process_time() - begin < 1  # quadratic would be minutes


@pytest.mark.parametrize(
    "number", [0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 10**18, 0.1, -1e308, 5e-324]
)
def test_numbers_of_64_bits_come_through_exactly(number: float) -> None:
    assert loads(json.dumps([number]).encode()) == [number]


def test_digits_inside_texts_are_no_numbers() -> None:
    assert loads(b'{"id":"99999999999999999999","e":"1e999"}') == {
        "id": "99999999999999999999",
        "e": "1e999",
    }


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    assert loads(rb'"\ud83d\ude00"') == "😀"


def test_errors_hold_nothing_of_the_input() -> None:
    for text in (b'{"password":"canary-7", x}', b'"canary-7 \xff"', b'{"canary-7":1,"canary-7":1}'):
        with pytest.raises(MalformedJson) as caught:
            loads(text)
        assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r}"
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab~/é", max_size=4), inner)
    ),
    max_leaves=20,
)


@STEADY
@given(JSON_VALUES)
def test_whatever_json_writes_is_read_back(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@STEADY
@given(st.binary(max_size=200) | st.text('[]{}",:\\u0aeE1.-+ dD8', max_size=60).map(str.encode))
@example(b'"\\')
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(MalformedJson, NulInText):
        loads(data)
