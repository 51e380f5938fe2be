"""The form of API keys: what is made, what is parsed, what is refused by the text alone."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentbox.model.formats.api_key import CHECKSUM_LENGTH, KeyFormat, checksum, is_prefix
from tests.scale import scaled

STEADY = settings(derandomize=True, deadline=None)

FORMAT = KeyFormat("ak_live_")


def test_a_new_key_has_prefix_id_secret_and_checksum() -> None:  # AK-01
    key = FORMAT.generate()
    assert re.fullmatch(r"ak_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", key.text.reveal())
    assert key.text.reveal().startswith(key.shown + "_")
    assert key.shown == f"ak_live_{key.id}"


def test_the_digest_covers_the_whole_text() -> None:  # AK-01
    key = FORMAT.generate()
    assert key.digest == hashlib.sha256(key.text.reveal().encode()).digest()


def test_what_is_made_is_parsed() -> None:
    key = FORMAT.generate()
    assert FORMAT.parse(key.text.reveal()) == (key.id, key.digest)


def test_ten_thousand_keys_are_all_different() -> None:  # AK-01
    keys = [FORMAT.generate() for _ in range(scaled(10_000))]
    assert len({key.text for key in keys}) == len({key.id for key in keys}) == len(keys)


def test_a_secret_uses_the_whole_alphabet_evenly() -> None:  # AK-01
    letters = "".join(FORMAT.generate().text.reveal()[21:64] for _ in range(2000))
    counts = [letters.count(letter) for letter in set(letters)]
    assert len(counts) == 62
    assert min(counts) > len(letters) / 62 * 0.8


def test_every_changed_character_is_noticed() -> None:  # AK-01
    text = FORMAT.generate().text.reveal()
    for place, letter in enumerate(text):
        other = "b" if letter == "a" else "a"
        assert FORMAT.parse(text[:place] + other + text[place + 1 :]) is None


def test_every_pair_of_swapped_neighbours_is_noticed() -> None:
    text = FORMAT.generate().text.reveal()
    for place in range(len(text) - 1):
        swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
        assert swapped == text or FORMAT.parse(swapped) is None


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_truncated_key_is_refused(cut: int) -> None:  # AK-01
    assert FORMAT.parse(FORMAT.generate().text.reveal()[:-cut]) is None


def test_a_truncated_key_with_a_checksum_of_its_own_is_refused() -> None:  # AK-01
    body = FORMAT.generate().text.reveal()[: -CHECKSUM_LENGTH - 1]
    assert FORMAT.parse(body + checksum(body)) is None


@pytest.mark.parametrize("more", ["0", " ", "\n", "\x00", "=", "é"])
def test_an_extended_key_is_refused(more: str) -> None:  # AK-01
    text = FORMAT.generate().text.reveal()
    assert FORMAT.parse(text + more) is None
    assert FORMAT.parse(more + text) is None


@pytest.mark.parametrize("letter", ["-", "_", ".", " ", "\n", "é", "\u0661", "\ud800"])
def test_only_base62_stands_in_a_key(letter: str) -> None:
    body = FORMAT.generate().text.reveal()[:-CHECKSUM_LENGTH]
    changed = body[:30] + letter + body[31:]
    tail = checksum(changed) if changed.isascii() else "000000"
    assert FORMAT.parse(changed + tail) is None


def test_case_matters() -> None:
    text = FORMAT.generate().text.reveal()
    assert FORMAT.parse(text.upper()) is None
    assert FORMAT.parse(text.swapcase()) is None


def test_keys_of_an_accepted_prefix_are_parsed_and_of_others_are_not() -> None:
    old, new, other = KeyFormat("old_"), KeyFormat("new_", ["old_"]), KeyFormat("other_")
    key = old.generate()
    assert new.parse(key.text.reveal()) == (key.id, key.digest)
    assert other.parse(key.text.reveal()) is None
    assert new.generate().text.reveal().startswith("new_")


def test_a_prefix_that_begins_another_one_takes_nothing_from_it() -> None:
    both = KeyFormat("ak_", ["ak_live_"])
    for made_by in (KeyFormat("ak_"), KeyFormat("ak_live_")):
        key = made_by.generate()
        assert both.parse(key.text.reveal()) == (key.id, key.digest)


def test_recognising_looks_at_the_prefix_alone() -> None:
    assert FORMAT.recognises("ak_live_anything")
    assert not FORMAT.recognises("ak_test_anything")
    assert not FORMAT.recognises(" ak_live_x")
    assert not FORMAT.recognises("")


@pytest.mark.parametrize("prefix", ["a_", "ak_live_", "0_", "__", "abcdefghijklmno_"])
def test_good_prefixes(prefix: str) -> None:
    assert is_prefix(prefix)


@pytest.mark.parametrize(
    "prefix", ["", "_", "ak", "AK_", "ak-", "ak_ ", "ak_\n", "abcdefghijklmnop_", "é_"]
)
def test_bad_prefixes(prefix: str) -> None:
    assert not is_prefix(prefix)


def test_a_key_is_not_shown_by_accident() -> None:
    key = FORMAT.generate()
    assert key.text.reveal() not in repr(key)


@STEADY
@given(st.text(max_size=90) | st.from_regex(r"ak_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}"))
def test_no_text_raises(text: str) -> None:
    FORMAT.recognises(text)
    assert FORMAT.parse(text) is None
