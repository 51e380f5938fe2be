"""Access lines: a tuple on a queue for each request, rendered by another thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from agentbox.core.logs import LogHandle
from agentbox.web.context import CONTEXT, RequestContext

if TYPE_CHECKING:
    import logging

LONGEST_PATH: Final = 512


class AccessLogger(AbstractAccessLogger):
    """Notes each answered request; never the query string, a header or a body."""

    def __init__(self, logger: logging.Logger, log_format: str, handle: LogHandle) -> None:
        super().__init__(logger, log_format)
        self._submit = handle.submit

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Queue one line; `time` is the seconds that the answer took."""
        self._submit(
            _described,
            (
                _now(),
                request.method,
                request.rel_url.raw_path,
                request.remote,
                response.status,
                time,
                request.get(CONTEXT),
            ),
        )


_now = time.time


def _described(values: tuple[Any, ...]) -> dict[str, Any]:
    now, method, path, address, status, seconds, context = values
    line: dict[str, Any] = {
        "time": now,
        "level": "info",
        "event": "request",
        "method": method,
        "path": path[:LONGEST_PATH],
        "status": status,
        "ms": round(seconds * 1000, 2),
        "address": address,
    }
    if isinstance(context, RequestContext):
        line.update(_who(context))
    return line


def _who(context: RequestContext) -> dict[str, Any]:
    known: dict[str, Any] = {"request_id": context.request_id}
    if context.endpoint is not None:
        known["route"] = context.endpoint.route.path
    if context.principal is not None:
        credential = context.principal.credential
        known["user"] = context.principal.user_id
        known["credential"] = f"{credential.kind}:{credential.id}"
    return known
