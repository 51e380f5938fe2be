"""Access lines: a tuple on a queue for each request, rendered by another thread."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from agentbox.core.logs import LogHandle
from agentbox.web.context import CONTEXT, RequestContext
from agentbox.web.middleware.forwarded import peer_of

if TYPE_CHECKING:
    import logging

LONGEST_PATH: Final = 512

# No id of ours is as long as a key or a token, which somebody may put into a path by mistake: what
# such a step begins with is no secret (a key's prefix and id, a token's header), the rest may be.
_WORTH_A_LOOK: Final = 49
_LONG_STEP: Final = re.compile(r"([^/]{20})[^/]{29,}")


class AccessLogger(AbstractAccessLogger):
    """Notes each answered request; never the query string, a header or a body.

    A step of the path that is longer than any id is cut.
    """

    def __init__(self, logger: logging.Logger, log_format: str, handle: LogHandle) -> None:
        super().__init__(logger, log_format)
        self._submit = handle.submit

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Queue one line; `time` is the seconds that the answer took."""
        context = request.get(CONTEXT)
        # What was refused before `forwarded` has found the client is logged with its peer.
        address = (context and context.address) or peer_of(request)
        line = (_now(), request.method, request.rel_url.raw_path, address)
        self._submit(_described, (*line, response.status, time, *_who(context)))


_now = time.time


def _who(context: RequestContext | None) -> tuple[str | None, ...]:
    """Texts alone: whatever waits in the queue should not keep a request alive."""
    if context is None:
        return None, None, None, None, None
    route = None if context.endpoint is None else context.endpoint.route.path
    principal = context.principal
    if principal is None:
        return context.request_id, route, None, None, None
    credential = principal.credential
    return context.request_id, route, principal.user.id, credential.kind, credential.id


def _described(values: tuple[Any, ...]) -> dict[str, Any]:
    now, method, path, address, status, seconds, request_id, route, user, kind, key = values
    line = {
        "time": now,
        "level": "info",
        "event": "request",
        "method": method,
        "path": path
        if len(path) < _WORTH_A_LOOK
        else _LONG_STEP.sub(r"\1...", path)[:LONGEST_PATH],
        "status": status,
        "ms": int(seconds * 100_000) / 100,
        "address": address,
        "request_id": request_id,
        "route": route,
    }
    if user is not None:
        line["user"] = user
        line["credential"] = f"{kind}:{key}"
    return line


def _cut(path: str) -> str:
    return _LONG_STEP.sub(r"\1...", path)[:LONGEST_PATH]
