"""Which key signs, and what each key does."""

from __future__ import annotations

from datetime import timedelta

from agentbox.model.signing_keys import ANNOUNCED_FOR, LONGEST_TOKEN, signer, state_of
from agentbox.testing.samples import HOUR, NOON, TICK, a_signing_key

OLD = a_signing_key("old", retired_at=NOON + ANNOUNCED_FOR + LONGEST_TOKEN)
NEW = a_signing_key("new", created_at=NOON, signs_from=NOON + ANNOUNCED_FOR)
BEGINS = NOON + ANNOUNCED_FOR
OVER = BEGINS + LONGEST_TOKEN


def test_a_key_signs_from_its_time_on_and_the_one_before_it_until_then() -> None:
    last = BEGINS - TICK
    assert signer([OLD, NEW], last, last + LONGEST_TOKEN) == OLD
    assert signer([OLD, NEW], BEGINS, BEGINS + LONGEST_TOKEN) == NEW


def test_a_key_signs_no_token_that_would_outlive_it() -> None:
    ending = a_signing_key(retired_at=NOON + HOUR)
    assert signer([ending], NOON, NOON + HOUR) == ending
    assert signer([ending], NOON, NOON + HOUR + TICK) is None


def test_of_keys_that_begin_at_once_everybody_takes_the_same() -> None:
    keys = [a_signing_key("a"), a_signing_key("b")]
    assert signer(keys, NOON, NOON) == signer(keys[::-1], NOON, NOON)


def test_a_key_that_signs_at_once_does_so_whatever_the_clock_says() -> None:
    """Its maker's clock may be ahead of the one that asks."""
    key = a_signing_key(created_at=NOON + HOUR)
    assert signer([key], NOON, NOON) == key


def test_each_key_is_told_by_what_it_does() -> None:
    def states(after: timedelta) -> list[str]:
        return [state_of(key, [OLD, NEW], NOON + after) for key in (OLD, NEW)]

    assert states(timedelta(0)) == ["signing", "announced"]
    assert states(ANNOUNCED_FOR) == ["verifying", "signing"]
    assert states(OVER - NOON - TICK) == ["verifying", "signing"]
    assert states(OVER - NOON) == ["retired", "signing"]


def test_without_a_key_nothing_signs() -> None:
    assert signer([], NOON, NOON) is None
    assert signer([a_signing_key(retired_at=NOON)], NOON, NOON) is None
