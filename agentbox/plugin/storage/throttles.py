"""The store of guesses at passwords, which all replicas share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from agentbox.model.throttles import Counter, Penalty, Tally


class ThrottleStore(ABC):
    """Counters of guesses, and the addresses from which accounts have signed in.

    Each counter is changed by one statement, so that no two guesses see the same number. An
    account is any text: a user's id, or something else for a name that no user has.
    """

    @abstractmethod
    async def reserve(self, counter: Counter, now: datetime, until: datetime) -> Tally:
        """Count one more guess as running, and how the counter then stands.

        Failures whose time has ended are forgotten. Of guesses that began to run when none did,
        those that were never settled are forgotten at their `until`: their process is gone.
        """

    @abstractmethod
    async def fail(self, counter: Counter, now: datetime, penalty: Penalty) -> Tally:
        """Turn one running guess of a counter that has been reserved into a failure."""

    @abstractmethod
    async def release(self, counter: Counter) -> None:
        """Let one running guess never have been."""

    @abstractmethod
    async def clear(self, counter: Counter, now: datetime) -> None:
        """As `release`, and forget the failures and blocks of the counter."""

    @abstractmethod
    async def lift(self, account: str, now: datetime) -> int:
        """Forget the failures and blocks of an account, at every address; how many counters had
        some. Guesses that run go on."""

    @abstractmethod
    async def known(self, account: str, address: str, since: datetime) -> bool:
        """Whether the account has signed in from the address after `since`."""

    @abstractmethod
    async def note_success(self, account: str, address: str, now: datetime) -> None:
        """The account has signed in from the address. Never moves a time backwards."""

    @abstractmethod
    async def forget(self, account: str) -> None:
        """Delete everything about an account."""

    @abstractmethod
    async def purge(self, before: datetime, blocks_before: datetime, known_before: datetime) -> int:
        """Delete some of the counters whose time ended before `before`, those that remember blocks
        only before `blocks_before`, and of the addresses last signed in from before `known_before`,
        as many as take milliseconds; how many, and 0 once there are none. A counter with a guess
        that may still run stays."""
