"""The two caches of the request path, and nothing else is remembered.

(a) `FactCache`: the SHA-256 of a credential and its verified, immutable facts, for at most the
configured time and never past the credential's expiry; refusals are kept apart, so that random keys
don't push out good ones.
(b) `StateCache`: what rights depend on, at most 500 ms old counted from the start of the read, and
dropped at once by a change notice. Rights themselves are worked out on every request.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from agentbox.core.recognition.state import SubjectState
from agentbox.model.evidence import Authentication
from agentbox.plugin.services import Clock

STATE_AGE = 0.5
"""Seconds that a state may be old, from the start of its read."""

REFRESH_BEFORE = 0.25
"""Seconds before that at which a request begins the next read and goes on without waiting."""

REFUSAL_AGE = 5.0
"""Seconds that a refusal is remembered at most."""

MAX_FACTS = 20_000
MAX_REFUSALS = 10_000
MAX_STATES = 20_000

FactKey = tuple[str, bytes]
StateKey = tuple[str, str, str]

K = TypeVar("K")
V = TypeVar("V")


class Bounded(OrderedDict[K, V]):
    """A dict that forgets the oldest entry for a new one once it is full.

    Looked at several times by every request: an LRU in Python would cost a tenth of what the whole
    recognition does, and entries live for seconds. A plain dict can't be emptied from the front: to
    find its oldest entry it walks over all that were deleted there.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def put(self, key: K, value: V) -> None:
        """Keep an entry, as the newest."""
        self.pop(key, None)
        if len(self) >= self._most:
            self.popitem(last=False)
        self[key] = value


class _Fact(NamedTuple):
    until: float
    authentication: Authentication


class FactCache:
    """Verified facts by (scheme, SHA-256 of the whole credential)."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._facts: Bounded[FactKey, _Fact] = Bounded(MAX_FACTS)
        self._refusals: Bounded[FactKey, float] = Bounded(MAX_REFUSALS)
        self.cleared = 0
        """How often everything was forgotten: what was judged before that is not to be kept."""

    def get(self, key: FactKey) -> Authentication | None:
        """The facts, if they are still fresh."""
        fact = self._facts.get(key)
        if fact is not None and self._clock.monotonic() < fact.until:
            return fact.authentication
        return None

    def refused(self, key: FactKey) -> bool:
        """Whether this credential was refused a moment ago."""
        until = self._refusals.get(key)
        return until is not None and self._clock.monotonic() < until

    def keep(self, key: FactKey, authentication: Authentication) -> None:
        """Remember facts until the time is up or the credential expires."""
        seconds = self._seconds
        expires_at = authentication.credential.expires_at
        if expires_at is not None:
            seconds = min(seconds, (expires_at - self._clock.now()).total_seconds())
        if seconds > 0:
            self._facts.put(key, _Fact(self._clock.monotonic() + seconds, authentication))

    def refuse(self, key: FactKey) -> None:
        """Remember a refusal."""
        if self._seconds > 0:
            until = self._clock.monotonic() + min(self._seconds, REFUSAL_AGE)
            self._refusals.put(key, until)

    def clear(self) -> None:
        """Forget everything."""
        self.cleared += 1
        self._facts.clear()
        self._refusals.clear()


class _State(NamedTuple):
    until: float
    state: SubjectState


class Begun(NamedTuple):
    """When a read began: the monotonic time, and how many changes had been noticed."""

    at: float
    epoch: int


class StateCache:
    """Current state by (user, kind of credential, its id), with one read at a time for each."""

    def __init__(self, clock: Clock, read: Callable[[StateKey], Awaitable[SubjectState]]) -> None:
        self._clock = clock
        self._read = read
        self._states: Bounded[StateKey, _State] = Bounded(MAX_STATES)
        self._reads: dict[StateKey, asyncio.Task[SubjectState]] = {}
        self._epoch = 0

    def get(self, key: StateKey) -> SubjectState | None:
        """The state, if it is young enough; one that is soon too old is read anew meanwhile."""
        kept = self._states.get(key)
        if kept is None:
            return None
        left = kept.until - self._clock.monotonic()
        if left <= 0:
            return None
        if left < REFRESH_BEFORE and key not in self._reads:
            self._begin(key)
        return kept.state

    async def load(self, key: StateKey) -> SubjectState:
        """Read the state; callers that ask at the same time share one read.

        A read that began before a change notice is neither kept nor joined.
        """
        return await asyncio.shield(self._reads.get(key) or self._begin(key))

    def begin(self) -> Begun:
        """To be asked before a read that may end in `keep`."""
        return Begun(self._clock.monotonic(), self._epoch)

    def keep(self, key: StateKey, state: SubjectState, begun: Begun) -> None:
        """Remember a state whose read began then, unless something has changed since."""
        if begun.epoch == self._epoch:
            kept = state._replace(version=begun.epoch)
            self._states.put(key, _State(begun.at + STATE_AGE, kept))

    def drop(self) -> None:
        """Something has changed: everything kept or being read is out of date."""
        self._epoch += 1
        self._states.clear()
        self._reads.clear()

    def _begin(self, key: StateKey) -> asyncio.Task[SubjectState]:
        task = asyncio.create_task(self._fill(key))
        self._reads[key] = task
        task.add_done_callback(lambda done: self._forget(key, done))
        return task

    async def _fill(self, key: StateKey) -> SubjectState:
        begun = self.begin()
        state = (await self._read(key))._replace(version=begun.epoch)
        self.keep(key, state, begun)
        return state

    def _forget(self, key: StateKey, task: asyncio.Task[SubjectState]) -> None:
        if self._reads.get(key) is task:
            del self._reads[key]
        if not task.cancelled():
            task.exception()  # seen by whoever waits; nobody may be left to
