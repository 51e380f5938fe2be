"""Which pages of other origins may read our answers: the configured ones, by exact match."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from agentbox.web.responses import Answer, Headers

ALLOWED_HEADERS: Final = "Authorization, Content-Type, X-API-Key, X-Request-Id"
EXPOSED_HEADERS: Final = "Retry-After, WWW-Authenticate, X-Request-Id"
PREFLIGHT_SECONDS: Final = "600"
_NEVER: Final = frozenset({"null", "*"})


def cors(origins: Iterable[str], headers: Headers) -> Middleware:
    """Adds what the fetch standard asks for, for the origins in `[server] cors_origins`.

    - An origin is compared as a whole: no prefix, suffix or subdomain; `null` and `*` never match.
    - Its pages may read every answer, errors too, and a preflight for a path we have is 204.
    - Every answer says `Vary: Origin`.
    - Cookies are never allowed along: `Access-Control-Allow-Credentials` is not sent.
    - Any other origin gets the answer it would have got without this middleware.
    """
    allowed = frozenset(origins) - _NEVER

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin in allowed:
            if _is_preflight(request, answer):
                answer = _preflight_answer(answer.headers[hdrs.ALLOW], headers)
            answer.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin or ""
            answer.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED_HEADERS
        answer.headers.add(hdrs.VARY, hdrs.ORIGIN)
        return answer

    return middleware


def _is_preflight(request: web.Request, answer: web.StreamResponse) -> bool:
    return (
        request.method == hdrs.METH_OPTIONS
        and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        and answer.status == 405
        and hdrs.ALLOW in answer.headers
    )


def _preflight_answer(methods: str, headers: Headers) -> Answer:
    answer = Answer(status=204, headers=headers.plain)
    answer.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = methods
    answer.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ALLOWED_HEADERS
    answer.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = PREFLIGHT_SECONDS
    return answer
