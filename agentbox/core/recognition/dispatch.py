"""Awaits plugins, with a deadline and a breaker, and keeps their failures to themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import structlog

from agentbox.core.counters import Counters
from agentbox.errors import (
    AgentboxError,
    AuthenticatorUnavailable,
    Overloaded,
    PluginError,
    StartError,
    StorageError,
    Unavailable,
)
from agentbox.plugin.services import Clock

T = TypeVar("T")

REQUEST_DEADLINE = 2.0
"""Seconds that an authenticator has for one credential."""

LOGIN_DEADLINE = 15.0
"""Seconds that a login method has: hashing waits for its turn."""

NOT_NOW = (Overloaded, Unavailable, AuthenticatorUnavailable, StorageError)
"""What any plugin may raise: it works, and can't answer now."""

FAILURES_TO_OPEN = 5
OPEN_FOR = 5.0

LATE = 1.0
"""Seconds past a deadline that say that the process itself stood still (a paused machine)."""

_log = structlog.get_logger("agentbox.plugins")


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    open_until: float = 0.0


class Named(NamedTuple, Generic[T]):
    """What a plugin opened, and the id of its instance or type: so it is counted and logged."""

    id: str
    opened: T


class Dispatcher:
    """Awaits one method of one plugin's object, and judges the kind of its answer.

    What any plugin may raise (`NOT_NOW`) and what this method may raise besides (`refusals`)
    passes through. Anything else, a time-out included, is logged and counted, and
    becomes `AuthenticatorUnavailable`: a broken plugin ends the chain, no weaker one is asked.
    After five failures in a row the plugin is left alone for five seconds.
    """

    def __init__(self, clock: Clock, counters: Counters) -> None:
        self._clock = clock
        self._counters = counters
        self._breakers: dict[str, _Breaker] = {}

    async def call(
        self,
        name: str,
        method: Callable[[], Awaitable[T]],
        *,
        gives: type | tuple[type, ...],
        refusals: tuple[type[AgentboxError], ...] = (),
        deadline: float = REQUEST_DEADLINE,
    ) -> T:
        """What `method` gives within `deadline` seconds, an instance of `gives`."""
        breaker = self._breakers.setdefault(name, _Breaker())
        if self._clock.monotonic() < breaker.open_until:
            raise AuthenticatorUnavailable(retry_after=int(OPEN_FOR))
        due = self._clock.monotonic() + deadline
        try:
            async with asyncio.timeout(deadline):
                answer = await method()
        except BaseException as error:
            if isinstance(error, (*NOT_NOW, *refusals)):
                breaker.failures = 0
                raise
            if is_own_cancellation(error):
                raise
            if isinstance(error, TimeoutError) and self._clock.monotonic() > due + LATE:
                raise AuthenticatorUnavailable(retry_after=1) from error  # we were held up, not it
            self._failed(name, breaker, error)
            raise AuthenticatorUnavailable from error
        if not isinstance(answer, gives):
            raise self.broke(name, f"{type(answer).__name__} is not an answer")
        breaker.failures = 0
        return answer

    def broke(self, name: str, what: str) -> AuthenticatorUnavailable:
        """Note that a plugin gave an answer of the wrong kind; the problem to raise."""
        breaker = self._breakers.setdefault(name, _Breaker())
        self._failed(name, breaker, TypeError(what))
        return AuthenticatorUnavailable()

    def _failed(self, name: str, breaker: _Breaker, error: BaseException) -> None:
        self._counters.add("plugin_failures")
        self._counters.add(f"plugin_failures.{name}")
        breaker.failures += 1
        if breaker.failures >= FAILURES_TO_OPEN:
            breaker.failures = 0
            breaker.open_until = self._clock.monotonic() + OPEN_FOR
        _log.error("plugin_failed", plugin=name, error=type(error).__name__, exc_info=error)


async def enter(stack: AsyncExitStack, make: Callable[[], object], what: str) -> object:
    """What is inside the async context manager that `make` gives; closed with the stack.

    A plugin's `open` may raise `StartError` and `StorageError`; all else becomes `PluginError`.
    """
    try:
        context = make()
        if isinstance(context, AbstractAsyncContextManager):
            return await stack.enter_async_context(context)
    except BaseException as error:
        if isinstance(error, (StartError, StorageError)) or is_own_cancellation(error):
            raise
        raise PluginError(
            f"{what} could not be opened: {type(error).__name__}: {error}. "
            "Correct its configuration, or ask its author."
        ) from error
    raise PluginError(
        f"{what}: open() gave {type(context).__name__}, not an async context manager. "
        "Decorate it with contextlib.asynccontextmanager."
    )


def is_own_cancellation(error: BaseException) -> bool:
    """A cancellation by the core; a plugin that raises CancelledError itself is merely broken."""
    task = asyncio.current_task()
    return (
        isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    ) or isinstance(error, (KeyboardInterrupt, GeneratorExit))
