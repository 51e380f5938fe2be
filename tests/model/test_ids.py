"""Random ids and base62."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentbox.model.ids import ALPHABET, encode_base62, is_base62, new_id, random_base62

STEADY = settings(derandomize=True, deadline=None)


def test_an_id_is_20_url_safe_characters() -> None:
    assert len(new_id()) == 20
    assert is_base62(new_id())


def test_ids_are_not_made_twice() -> None:
    assert len({new_id() for _ in range(5000)}) == 5000


@pytest.mark.parametrize("length", [0, 1, 43])
def test_random_texts_have_the_length_asked_for(length: int) -> None:
    assert len(random_base62(length)) == length


@pytest.mark.parametrize(
    ("number", "length", "text"),
    [(0, 1, "0"), (0, 6, "000000"), (61, 1, "z"), (62, 2, "10"), (2**32 - 1, 6, "4gfFC3")],
)
def test_numbers_are_written_in_base62(number: int, length: int, text: str) -> None:
    assert encode_base62(number, length) == text


def test_a_number_that_needs_more_characters_is_an_error() -> None:
    with pytest.raises(ValueError, match="more characters"):
        encode_base62(62, 1)


@STEADY
@given(st.integers(0, 62**6 - 1))
def test_base62_can_be_read_back(number: int) -> None:
    value = 0
    for letter in encode_base62(number, 6):
        value = value * 62 + ALPHABET.index(letter)
    assert value == number


@pytest.mark.parametrize("text", ["", "a-b", "a_b", "é", "\u0661", "a b", "a\n"])
def test_other_texts_are_not_base62(text: str) -> None:
    assert not is_base62(text)
