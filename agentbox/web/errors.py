"""The one place where problems get their HTTP status, and their bodies (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import hdrs, web

from agentbox import errors
from agentbox.errors import Problem
from agentbox.web.responses import REQUEST_ID, Answer, Headers

STATUS: Final[Mapping[type[Problem], int]] = {
    errors.InvalidRequest: 400,
    errors.MalformedBody: 400,
    errors.InvalidCursor: 400,
    errors.Unauthorized: 401,
    errors.InvalidToken: 401,
    errors.InvalidCredentials: 401,
    errors.InvalidGrant: 401,
    errors.InsufficientScope: 403,
    errors.InsufficientRole: 403,
    errors.InsufficientRank: 403,
    errors.InsufficientPermission: 403,
    errors.ScopeExceedsOwn: 403,
    errors.PermissionExceedsOwn: 403,
    errors.SessionRequired: 403,
    errors.InvalidPassword: 403,
    errors.PasswordChangeRequired: 403,
    errors.LoginIncomplete: 403,
    errors.InsufficientUserAuthentication: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.LastSuperAdmin: 409,
    errors.LastOwner: 409,
    errors.SelfForbidden: 409,
    errors.PayloadTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.ValidationFailed: 422,
    errors.WeakPassword: 422,
    errors.ScopeConflict: 422,
    errors.PermissionExceedsRole: 422,
    errors.HeadersTooLarge: 431,
    errors.RateLimited: 429,
    errors.Internal: 500,
    errors.Unavailable: 503,
    errors.AuthenticatorUnavailable: 503,
    errors.Overloaded: 503,
    errors.StorageFull: 507,
}

CHALLENGE: Final = 'Bearer realm="agentbox"'
_OF_AIOHTTP: Final[Mapping[int, type[Problem]]] = {
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedMediaType,
    431: errors.HeadersTooLarge,
}
_encode = msgspec.json.Encoder().encode


def status_of(kind: type[Problem]) -> int:
    """The status of a problem class; a plugin's own subclass has that of its nearest parent."""
    for parent in kind.__mro__:
        if parent in STATUS:
            return STATUS[parent]
    return 500


def problem_body(problem: Problem, request_id: str) -> dict[str, object]:
    """The members of the body; `message` is `detail` again, for older clients."""
    body: dict[str, object] = {
        "type": f"urn:agentbox:problem:{problem.code}",
        "title": problem.title,
        "status": status_of(type(problem)),
        "detail": problem.detail,
        "error": problem.code,
        "message": problem.detail,
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = [{"pointer": at, "detail": what} for at, what in problem.errors]
    return {**problem.members, **body}


def challenge_of(problem: Problem, *, public: bool) -> str | None:
    """WWW-Authenticate (RFC 6750 section 3): with `error` only where a credential was looked at."""
    if isinstance(problem, errors.InsufficientScope):
        return f'{CHALLENGE}, error="insufficient_scope", scope="{problem.scope}"'
    if status_of(type(problem)) != 401:
        return None
    if isinstance(problem, errors.InvalidToken) and not public:
        return f'{CHALLENGE}, error="invalid_token"'
    return CHALLENGE


def problem_answer(
    problem: Problem,
    *,
    headers: Headers,
    request_id: str,
    public: bool = False,
    allow: str | None = None,
) -> Answer:
    """The answer that tells `problem`; `allow` is the list of methods of a 405."""
    answer = Answer(
        body=_encode(problem_body(problem, request_id)),
        status=status_of(type(problem)),
        headers=headers.problem,
    )
    answer.headers[REQUEST_ID] = request_id
    challenge = challenge_of(problem, public=public)
    if challenge is not None:
        answer.headers[hdrs.WWW_AUTHENTICATE] = challenge
    if problem.retry_after is not None:
        answer.headers[hdrs.RETRY_AFTER] = str(problem.retry_after)
    if allow is not None:
        answer.headers[hdrs.ALLOW] = allow
    return answer


def problem_of_aiohttp(raised: web.HTTPException) -> Problem:
    """What a client is told where aiohttp refuses; nothing of its text goes on."""
    kind = _OF_AIOHTTP.get(raised.status)
    if kind is None:
        kind = errors.InvalidRequest if raised.status < 500 else errors.Internal
    return kind()


def problem_of_storage(raised: errors.StorageError) -> Problem:
    """507 where the disk is full, else 503; the detail stays in the log."""
    return errors.StorageFull() if raised.full else errors.Unavailable(retry_after=1)
