"""The page as a route."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, TypeGuard

import structlog

from agentbox.core.metrics.guarding import Guard
from agentbox.core.recognition.dispatch import Named
from agentbox.core.runtime import Runtime
from agentbox.errors import PluginError, Unavailable
from agentbox.loader.isolation import Failure
from agentbox.model.access.route import PUBLIC, Access, scoped
from agentbox.model.access.scopes import SYSTEM_READ
from agentbox.plugin.metrics import MetricsPage, Page
from agentbox.plugin.routes import Route, RouteRequest, RouteResponse

PATH = "/metrics"

PATIENCE = 10.0
"""Seconds that a page may take."""

REUSED_FOR = 1.0
"""Seconds."""

FORMS = 4
"""Pages that are made for anybody within `REUSED_FOR`, each for another value of `Accept`."""

_log = structlog.get_logger("agentbox.metrics")


def page_routes(runtime: Runtime) -> Sequence[Route]:
    """`GET /metrics` with the scope `system:read`, if an enabled sink shows a page and no port of
    its own is configured for it. Raises `PluginError` for two such sinks."""
    page = _page_of(runtime)
    if page is None or runtime.settings.metrics.listen is not None:
        return []
    return [_route(runtime, page, scoped(SYSTEM_READ))]


def open_page(runtime: Runtime) -> Sequence[Route]:
    """The same for anybody, a second old at most: all that its own port serves. Nothing where no
    sink shows a page. Raises `PluginError` for two such sinks."""
    page = _page_of(runtime)
    return [] if page is None else [_route(runtime, page, PUBLIC)]


def _page_of(runtime: Runtime) -> Named[MetricsPage] | None:
    pages = runtime.pipeline.measuring.pages
    if len(pages) > 1:
        names = " and ".join(repr(page.id) for page in pages)
        raise PluginError(f"The metric sinks {names} both show a page at {PATH}. Enable one.")
    return pages[0] if pages else None


def _route(runtime: Runtime, page: Named[MetricsPage], access: Access) -> Route:
    handler = PageHandler(runtime, page)
    return Route(
        method="GET",
        path=PATH,
        access=access,
        handler=(handler.get_recent if access == PUBLIC else handler.get),
        summary="What is measured, for Prometheus",
        content_type="text/plain",
        errors=(Unavailable,),
        tag="system",
        negotiates=True,
    )


class _Made(NamedTuple):
    """A page, and when it was made."""

    at: float
    response: RouteResponse


class PageHandler:
    """GET /metrics."""

    def __init__(self, runtime: Runtime, page: Named[MetricsPage]) -> None:
        self._name, self._page = page
        self._counters = runtime.counters
        self._clock = runtime.clock
        self._guard = Guard(runtime.clock, PATIENCE)
        self._one_at_a_time = asyncio.Lock()
        self._recent: dict[str, _Made] = {}
        """By `Accept`, the oldest first."""

    async def get_recent(self, request: RouteRequest[None, None]) -> RouteResponse:
        """As `get`, but what was made less than a second ago is given again, and one page is made
        at a time: so nobody who asks in a loop keeps the process busy. Whoever asks by an `Accept`
        for which there is none, when `FORMS` have been made, gets one of these; what it is in, its
        `Content-Type` says."""
        async with self._one_at_a_time:
            now = self._clock.monotonic()
            self._recent = {
                accept: made for accept, made in self._recent.items() if now - made.at < REUSED_FOR
            }
            if request.accept not in self._recent:
                if len(self._recent) >= FORMS:
                    return _nearest(request.accept, [*self._recent.values()])
                response = await self.get(request)
                self._recent[request.accept] = _Made(self._clock.monotonic(), response)
            return self._recent[request.accept].response

    async def get(self, request: RouteRequest[None, None]) -> RouteResponse:
        """503 while the plugin fails, which is logged and counted."""
        if self._guard.open_for:
            raise Unavailable("The page can't be made now.")
        made = await self._guard.call(lambda: self._page.page(request.accept))
        if not isinstance(made, Failure):
            if _is_page(made):
                return RouteResponse(body=made.body, content_type=made.content_type)
            made = Failure(TypeError(f"{type(made).__name__} is no page"))
        self._counters.add(f"plugin_failures.{self._name}")
        error = made.error
        _log.error(
            "metrics_page_failed", sink=self._name, error=type(error).__name__, exc_info=error
        )
        raise Unavailable("The page can't be made now.")


def _is_page(made: object) -> TypeGuard[Page]:
    return (
        isinstance(made, Page)
        and isinstance(made.body, bytes)
        and isinstance(made.content_type, str)
    )


def _nearest(accept: str, made: Sequence[_Made]) -> RouteResponse:
    """The newest page of a type that is named in the header, or else the newest of all."""
    newest_first = [each.response for each in reversed(made)]
    named = (each for each in newest_first if _media_type(each) in accept.lower())
    return next(named, newest_first[0])


def _media_type(response: RouteResponse) -> str:
    return (response.content_type or "").partition(";")[0].strip().lower()
