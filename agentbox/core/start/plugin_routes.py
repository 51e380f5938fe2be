"""Handlers of plugins' routes: whatever they do, only their own request fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import NoneType
from typing import Any

from msgspec import Struct, structs

from agentbox.core.counters import Counters
from agentbox.core.recognition.dispatch import Dispatcher
from agentbox.errors import AgentboxError, AuthenticatorUnavailable, Problem, StorageError
from agentbox.model.access.roles import Permission
from agentbox.model.access.route import ENVIRONMENT_ID
from agentbox.model.principal import Principal
from agentbox.plugin.routes import Handler, Route, RouteRequest
from agentbox.plugin.services import Clock

DEADLINE = 30.0
"""Seconds that a handler has, the body being read already."""


class RouteFailed(AgentboxError):
    """A plugin's handler is broken; a defect, which clients are told of as 500 `internal`."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """What a handler may raise, carried past the dispatcher as it is."""

    error: Problem | StorageError


def isolated(
    routes: Iterable[tuple[str, Route]],
    clock: Clock,
    counters: Counters,
    *,
    deadline: float = DEADLINE,
) -> list[Route]:
    """The routes (given with their plugins' names), with handlers that can't harm the server.

    They raise `Problem`, `StorageError`, and `RouteFailed` for all else: also for SystemExit and
    its like, for more than `deadline` seconds, and for an answer that is none. The plugin's
    failures are logged and counted.
    """
    return [
        structs.replace(route, handler=_guarded(plugin, route, clock, counters, deadline))
        for plugin, route in routes
    ]


Require = Callable[[Principal, str, Permission], Awaitable[None]]
"""Raises `NotFound` or `InsufficientPermission` unless that caller may do that much there."""


def permitted(route: Route, require: Require) -> Route:
    """The route; if it asks for a permission on an environment, its handler is called only then.

    Our own routes look it up in the transaction that does the work; a plugin need not.
    """
    needed = route.access.environment
    if needed is None:
        return route

    async def handle(request: RouteRequest[Any, Any]) -> Any:
        await require(request.principal, request.path[ENVIRONMENT_ID], needed)
        return await route.handler(request)

    return structs.replace(route, handler=handle)


def _guarded(
    plugin: str, route: Route, clock: Clock, counters: Counters, deadline: float
) -> Handler:
    async def handle(request: RouteRequest[Any, Any]) -> Any:
        # A dispatcher for each request: its breaker would let one client who knows how to break
        # a handler shut the route for all others.
        dispatcher = Dispatcher(clock, counters)
        try:
            outcome: object = await dispatcher.call(
                plugin,
                lambda: _attempt(route.handler, request),
                gives=(Struct, NoneType, _Refused),
                deadline=deadline,
            )
        except AuthenticatorUnavailable as broken:
            raise RouteFailed(
                f"{route.method} {route.path} of plugin {plugin!r}"
            ) from broken.__cause__
        if isinstance(outcome, _Refused):
            raise outcome.error
        return outcome

    return handle


async def _attempt(handler: Handler, request: RouteRequest[Any, Any]) -> object:
    try:
        return await handler(request)
    except (Problem, StorageError) as refusal:
        return _Refused(refusal)
    except (KeyboardInterrupt, GeneratorExit) as error:
        # Ctrl-C comes to a server as a signal, never here: this is the plugin's own doing.
        raise RuntimeError(f"the handler raised {type(error).__name__}") from error
