"""Guesses at passwords, counted so that they stop: by account, by address, and all together."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import structlog
from msgspec import Struct

from agentbox.core.audit.refusals import Refusals
from agentbox.core.counters import Counters
from agentbox.errors import (
    InvalidCredentials,
    InvalidPassword,
    Overloaded,
    RateLimited,
    StorageError,
)
from agentbox.model.formats.counted_name import counted_name
from agentbox.model.formats.networks import counted_address
from agentbox.model.principal import Origin
from agentbox.model.throttles import LONGEST_BLOCK, Counter, GuessLimit, Tally, penalty
from agentbox.model.users import User
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage, Transaction

KNOWN_FOR: Final = timedelta(days=30)
"""How long an account keeps an allowance of its own for an address it has signed in from."""

BLOCKS_REMEMBERED: Final = timedelta(days=1)

RUNNING_AT_MOST: Final = timedelta(minutes=2)
"""After this a guess that was never settled is forgotten: its process has died."""

PATIENCE: Final = 5.0
"""Seconds that a login waits for guesses that run."""

MOST_WAITING: Final = 100

_NOBODY_S: Final = "name:"  # so begins an account that is no user's; no id has a colon
_ASK_AGAIN: Final = 0.2  # seconds; what ends in another process tells nobody here
_TOO_MANY = "Too many failed logins. Try again later."

ResultT = TypeVar("ResultT")

_log = structlog.get_logger("agentbox.login")


class GuessLimits(Struct, frozen=True, kw_only=True):
    """How many failures each of the four counters takes."""

    account_address: GuessLimit
    account: GuessLimit
    address: GuessLimit
    total: GuessLimit


class _Charge(NamedTuple):
    """A counter that a guess is charged to; one that does not block is only counted."""

    counter: Counter
    limit: GuessLimit
    blocks: bool = True


class _Reservation(NamedTuple):
    account: str
    address: str
    charges: Sequence[_Charge]


class _Outcome(Enum):
    RIGHT = "right"
    WRONG = "wrong"
    NOT_JUDGED = "not judged"


class _Refused(Exception):
    """Rolls a transaction back: nothing is charged to a guess that may not be made."""

    def __init__(self, until: datetime | None, tier: str) -> None:
        super().__init__(tier)
        self.until = until  # None: only guesses that run are in the way
        self.tier = tier


class Guesses:
    """Whoever judges a password of an account does so within `judge`.

    A guess is reserved before anything is hashed, and settled by how that ends; the counts are in
    the database, so that all replicas and all ways to guess share them.
    """

    def __init__(
        self,
        limits: GuessLimits,
        *,
        storage: Storage,
        clock: Clock,
        counters: Counters,
        refusals: Refusals,
    ) -> None:
        self._limits = limits
        self._refusals = refusals
        self._storage = storage
        self._clock = clock
        self._counters = counters
        self._settled = asyncio.Event()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._waiting = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def account_of(self, name: str) -> str:
        """What guesses under this name are counted for: the id of the user who signs in by it,
        however it is spelled, else a digest of it."""
        canonical = counted_name(name)
        async with self._storage.transaction(read_only=True) as tx:
            user = await _user(tx, canonical or "")
        if user is not None:
            return user.id
        text = name if canonical is None else canonical
        return _NOBODY_S + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @asynccontextmanager
    async def judge_login(self, name: str, origin: Origin) -> AsyncIterator[None]:
        """As `judge`, for whoever signs in by this name; the audit hears of one that may not."""
        account = await self.account_of(name)
        try:
            async with self.judge(account, origin):
                yield
        except RateLimited:
            user_id = None if account.startswith(_NOBODY_S) else account
            self._refusals.login(origin, "throttled", user_id)
            self._counters.add("logins.throttled")
            raise

    @asynccontextmanager
    async def judge(self, account: str, origin: Origin) -> AsyncIterator[None]:
        """Judge one password of `account` within this; a user's account is its id.

        `InvalidCredentials` and `InvalidPassword` that leave it are a failure, and so is being
        cancelled; any other exception means that nothing was judged. None at all is a success: it
        clears what was counted for the account at this address, which it is known at from then on.

        Raises `RateLimited` if there have been too many failures, `Overloaded` if there might be
        once those guesses have ended that run now, and `StorageError`.
        """
        reservation = await self._reserved(account, counted_address(origin.address))
        outcome = _Outcome.NOT_JUDGED
        try:
            yield
            outcome = _Outcome.RIGHT
        except (InvalidCredentials, InvalidPassword, asyncio.CancelledError):
            outcome = _Outcome.WRONG
            raise
        finally:
            # In a task of its own: a client who leaves now has guessed all the same.
            await asyncio.shield(self._in_background(self._settle(reservation, outcome)))

    def _in_background(self, work: Coroutine[Any, Any, ResultT]) -> asyncio.Task[ResultT]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _reserved(self, account: str, address: str) -> _Reservation:
        """As `_reserve`; what is reserved for a client who has left meanwhile is given back."""
        task = self._in_background(self._reserve(account, address))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._give_back)
            raise

    def _give_back(self, task: asyncio.Task[_Reservation]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._in_background(self._settle(task.result(), _Outcome.NOT_JUDGED))

    async def _reserve(self, account: str, address: str) -> _Reservation:
        reservation = await self._try(account, address)
        if reservation is not None:
            return reservation
        if self._waiting >= MOST_WAITING:
            raise Overloaded(retry_after=1)
        self._waiting += 1
        try:
            return await self._wait(account, address)
        except TimeoutError:
            raise Overloaded(retry_after=1) from None
        finally:
            self._waiting -= 1

    async def _wait(self, account: str, address: str) -> _Reservation:
        """Try again when another guess has ended, one of each account at a time.

        Only the waiting is cut short, never a transaction, whose reservation would be lost.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        turn = self._turns.setdefault(account, asyncio.Lock())
        async with asyncio.timeout_at(deadline):
            await turn.acquire()
        try:
            while True:
                settled = self._settled
                reservation = await self._try(account, address)
                if reservation is not None:
                    return reservation
                if loop.time() >= deadline:
                    raise TimeoutError
                await asyncio.wait([waiter := loop.create_task(settled.wait())], timeout=_ASK_AGAIN)
                waiter.cancel()
        finally:
            turn.release()

    async def _try(self, account: str, address: str) -> _Reservation | None:
        """Charge all counters, or none: None if guesses that run are in the way."""
        now = self._clock.now()
        try:
            async with self._storage.transaction() as tx:
                known = await tx.throttles.known(account, address, now - KNOWN_FOR)
                charges = self._charges(account, address, known=known)
                tallies = [
                    await tx.throttles.reserve(charge.counter, now, now + RUNNING_AT_MOST)
                    for charge in charges
                ]
                _refuse(charges, tallies)
        except _Refused as refused:
            if refused.until is None:
                return None
            self._counters.add("guesses.throttled")
            _log.info("login_throttled", tier=refused.tier, account=account, address=address)
            seconds = math.ceil((refused.until - now).total_seconds())
            longest = int(LONGEST_BLOCK.total_seconds())
            raise RateLimited(_TOO_MANY, retry_after=min(max(seconds, 1), longest)) from None
        return _Reservation(account, address, charges)

    def _charges(self, account: str, address: str, *, known: bool) -> list[_Charge]:
        """Everybody in the same order, so that no two guesses ever wait for each other's rows."""
        limits = self._limits
        pair = Counter("pair", account, address)
        if known:
            # An allowance of its own, which nobody elsewhere can use up (PW-09).
            own = [_Charge(pair, limits.account)]
        else:
            own = [
                _Charge(pair, limits.account_address),
                _Charge(Counter("account", account), limits.account),
            ]
        return [
            *own,
            _Charge(Counter("address", "", address), limits.address),
            _Charge(Counter("total"), limits.total, blocks=not known),
        ]

    async def _settle(self, reservation: _Reservation, outcome: _Outcome) -> None:
        try:
            async with self._storage.transaction() as tx:
                if outcome is _Outcome.WRONG:
                    await self._fail(tx, reservation)
                else:
                    await self._refund(tx, reservation, clear=outcome is _Outcome.RIGHT)
        except StorageError as error:
            if outcome is _Outcome.WRONG:
                raise  # not counted, so its answer is not given
            # Who signed in has signed in: the reservation runs out by itself.
            _log.warning("guess_not_refunded", error=str(error))
        finally:
            settled, self._settled = self._settled, asyncio.Event()
            settled.set()

    async def _fail(self, tx: Transaction, reservation: _Reservation) -> None:
        now = self._clock.now()
        for charge in reservation.charges:
            doubling = charge.counter.tier == "account"
            forget = now - BLOCKS_REMEMBERED
            owed = penalty(charge.limit, now, forget=forget, doubling=doubling)
            await tx.throttles.fail(charge.counter, now, owed)

    async def _refund(self, tx: Transaction, reservation: _Reservation, *, clear: bool) -> None:
        now = self._clock.now()
        for charge in reservation.charges:
            if clear and charge.counter.tier == "pair":
                await tx.throttles.clear(charge.counter, now)
            else:
                await tx.throttles.release(charge.counter)
        if clear:
            await tx.throttles.note_success(reservation.account, reservation.address, now)


def _refuse(charges: Sequence[_Charge], tallies: Sequence[Tally]) -> None:
    """Raises `_Refused` if a counter that blocks is over its limit by this guess."""
    over = [
        (charge, tally)
        for charge, tally in zip(charges, tallies, strict=True)
        if charge.blocks and tally.failures + tally.running > charge.limit.failures
    ]
    blocked = [(c, tally) for c, tally in over if tally.failures >= c.limit.failures]
    if blocked:
        charge, tally = max(blocked, key=lambda each: each[1].ends_at)
        raise _Refused(tally.ends_at, charge.counter.tier)
    if over:
        raise _Refused(None, over[0][0].counter.tier)


async def _user(tx: Transaction, canonical: str) -> User | None:
    """The user who signs in by this name; a read also where there can be none."""
    if "@" not in canonical:
        return await tx.users.by_username(canonical)
    user = await tx.users.by_email(canonical)
    return user if user is not None and user.email_verified else None
