"""Guesses at passwords: what is counted, and how far it may go."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from msgspec import Struct

from agentbox.model.times import parse_duration

LONGEST_BLOCK = timedelta(minutes=15)
"""Whatever is configured and however often it is repeated, nobody is shut out for longer."""

_LIMIT = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,3}(?:s|m))")

Tier = Literal["pair", "account", "address", "total"]


class Counter(NamedTuple):
    """One thing that guesses are counted for; `account` and `address` are `""` where they are
    not what it is about.

    A pair is an account together with an address.
    """

    tier: Tier
    account: str = ""
    address: str = ""


class Tally(Struct, frozen=True):
    """How a counter stands. Its failures count until `ends_at`; `running` guesses are not judged
    yet; `blocks` says how often it has reached its limit lately."""

    failures: int
    running: int
    ends_at: datetime
    blocks: int


class GuessLimit(NamedTuple):
    """So many failures in a time that begins with the first of them."""

    failures: int
    window: timedelta


class Penalty(Struct, frozen=True):
    """What one more failure does to a counter.

    The first failure begins a time that ends at `window_end`; the one that reaches `limit` ends it
    at the first, the second or the third of `block_ends`, by how often that has happened already,
    which is forgotten for a counter whose time ended before `forget`.
    """

    limit: int
    window_end: datetime
    block_ends: tuple[datetime, datetime, datetime]
    forget: datetime


def penalty(limit: GuessLimit, now: datetime, *, forget: datetime, doubling: bool) -> Penalty:
    """The penalty for a failure at `now`; with `doubling` each block is twice the one before."""
    first, second, third = (
        now + min(limit.window * (factor if doubling else 1), LONGEST_BLOCK) for factor in (1, 2, 4)
    )
    return Penalty(limit.failures, now + limit.window, (first, second, third), forget)


def parse_guess_limit(text: str) -> GuessLimit:
    """`10/5m`: failures, and the time in which they are counted, 1s to 15m.

    Raises ValueError with the rest of a sentence about the setting.
    """
    match = _LIMIT.fullmatch(text)
    window = parse_duration(match[2]) if match else timedelta(0)
    if match is None or window > LONGEST_BLOCK:
        raise ValueError(
            f"{text!r} is not a number of failures and a time of at most 15m, such as 10/5m"
        )
    return GuessLimit(int(match[1]), window)
