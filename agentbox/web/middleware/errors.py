"""Whatever is raised inside becomes a problem (RFC 9457)."""

from __future__ import annotations

import traceback

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestPayloadError

from agentbox.errors import AgentboxError, Internal, InvalidRequest, Problem, StorageError
from agentbox.web.context import CONTEXT, Refusals
from agentbox.web.errors import (
    problem_answer,
    problem_of_aiohttp,
    problem_of_storage,
    status_of,
)
from agentbox.web.refused import note_refusal
from agentbox.web.responses import Headers

_log = structlog.get_logger("agentbox.web")


def errors(headers: Headers, refusals: Refusals) -> Middleware:
    """Every exception becomes a problem+json answer; nothing of it is echoed.

    - A `Problem` is told as it is, with the status of the table in `agentbox.web.errors`; the
      audit hears of refusals (401, 403, 429).
    - A `StorageError` is 503 `unavailable` or 507 `storage_full`; the log has its detail.
    - What aiohttp refuses (unknown path, wrong method) gets our body, and `Allow` stays.
    - A body that breaks off or is badly framed is 400 `invalid_request`; the connection closes.
    - Anything else is a defect: 500 `internal`. The log has class and stack, and the message only
      if the exception is one of ours, since a foreign one may quote a secret.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as raised:
            problem, allow = raised, None
            note_refusal(refusals, request, raised)
        except web.HTTPException as raised:
            problem, allow = problem_of_aiohttp(raised), raised.headers.get(hdrs.ALLOW)
        except (RequestPayloadError, ConnectionError):
            problem, allow = InvalidRequest("The body broke off or is badly framed."), None
        except StorageError as raised:
            problem, allow = problem_of_storage(raised), None
            _log.error("storage_failed", **_described(request, raised))
        except Exception as raised:  # noqa: BLE001  (here and nowhere below)
            problem, allow = Internal(), None
            _log.error("request_failed", **_described(request, raised))
        return _answer(request, problem, allow, headers)

    return middleware


def _answer(
    request: web.Request, problem: Problem, allow: str | None, headers: Headers
) -> web.StreamResponse:
    context = request[CONTEXT]
    endpoint = context.endpoint
    answer = problem_answer(
        problem,
        headers=headers,
        request_id=context.request_id,
        public=endpoint is None or endpoint.public,
        allow=allow,
    )
    unread = status_of(type(problem)) in {400, 413} and not request.content.is_eof()
    if unread or isinstance(problem, InvalidRequest):  # where the next request begins is unsure
        answer.force_close()
    return answer


def _described(request: web.Request, raised: BaseException) -> dict[str, object]:
    described: dict[str, object] = {
        "request_id": request[CONTEXT].request_id,
        "exception": type(raised).__name__,
        "stack": "".join(traceback.format_tb(raised.__traceback__)),
    }
    if isinstance(raised, AgentboxError):
        described["detail"] = str(raised)
    if raised.__cause__ is not None:
        described["cause"] = type(raised.__cause__).__name__
    return described
