"""Tells the audit of requests that were refused."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from agentbox.core.audit.refusals import ANONYMOUS, reason_of
from agentbox.core.changes import name_of
from agentbox.errors import InvalidCredentials, InvalidGrant, LoginIncomplete, Problem, Unauthorized
from agentbox.model.ids import is_id
from agentbox.model.principal import Origin
from agentbox.web.context import CONTEXT, Refusals, RequestContext
from agentbox.web.errors import status_of

EVENTS: Final = {401: "credential.refuse", 403: "access.refuse", 429: "throttle.refuse"}

TOLD_ELSEWHERE: Final = (
    InvalidCredentials,  # by the login, which knows why
    InvalidGrant,  # by the exchange of refresh tokens, likewise
    LoginIncomplete,  # no refusal: half a login
    Unauthorized,  # nobody tried anything
)

_READS: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_TARGETS: Final = (
    ("environment_id", "environment"),
    ("key_id", "api_key"),
    ("session_id", "session"),
    ("user_id", "user"),
)


def note_refusal(refusals: Refusals, request: web.Request, problem: Problem) -> None:
    """A credential that does not hold, a right that is missing, too many requests: who, what, why.

    Nothing of the request is noted but ids that have the shape of ours: people paste secrets
    anywhere.
    """
    event = EVENTS.get(status_of(type(problem)))
    if event is None or isinstance(problem, TOLD_ELSEWHERE):
        return
    context, refusal = request[CONTEXT], problem.refusal
    actor = refusal.actor if refusal is not None else None
    if actor is None:
        actor = ANONYMOUS if context.principal is None else name_of(context.principal)
    details = {"route": _route(context), "code": problem.code}
    if refusal is not None:
        details["reason"] = reason_of(refusal.reason)
    refusals.note(
        event,
        actor,
        Origin(context.address, request.headers.get(hdrs.USER_AGENT), context.request_id),
        details,
        target=_target(request),
        read=request.method in _READS,
    )


def _route(context: RequestContext) -> str:
    route = context.endpoint and context.endpoint.route
    return f"{route.method} {route.path}" if route else ""


def _target(request: web.Request) -> str | None:
    """The first thing that the path names, if it may be one of ours."""
    for parameter, kind in _TARGETS:
        value = request.match_info.get(parameter)
        if value is not None and is_id(value):
            return f"{kind}:{value}"
    return None
