"""Is this request for us, for a route we have, and from whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler, Middleware

from agentbox.errors import InvalidRequest, MethodNotAllowed
from agentbox.web.context import CONTEXT, Recognition
from agentbox.web.credentials import credential_of
from agentbox.web.hosts import AcceptedHosts
from agentbox.web.typed.endpoint import Endpoint


def authenticate(
    endpoints: Mapping[Any, Endpoint], hosts: AcceptedHosts, recognition: Recognition
) -> Middleware:
    """Finds the endpoint and the principal, in this order:

    1. Host: one of ours, else 400 `invalid_request`, also for unknown paths; probes answer to
       any Host. An address in the request line must be ours too, the version HTTP/1.0 or 1.1.
    2. Path and method: 404 and 405, whatever credential was sent.
    3. A public route: no credential is even looked at.
    4. The credential: none 401 `unauthorized`, two 400, one is judged by the core: a principal,
       401 `invalid_token`, 429 for a key used too often, or 503. A route with `allow_expired`
       takes a token that ran out.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        match = request.match_info
        endpoint = endpoints.get(match.handler)
        if request.version != HttpVersion11:
            _check_old_version(request)
        if endpoint is None or not endpoint.probe:
            _check_head(request, hosts)
        if endpoint is None:
            if request.method in {"CONNECT", "TRACE"}:
                raise MethodNotAllowed
            return await handler(request)
        context = request[CONTEXT]
        context.endpoint = endpoint
        if not endpoint.public:
            credential = credential_of(request.headers)
            if endpoint.access.allow_expired:
                context.principal = await recognition.recognise_expired(credential, context.address)
            else:
                context.principal = await recognition.recognise(credential, context.address)
        return await handler(request)

    return middleware


def _check_head(request: web.Request, hosts: AcceptedHosts) -> None:
    if request.headers.get(hdrs.HOST, "") not in hosts:
        raise InvalidRequest("The Host header does not name this server.")
    if request.raw_path[:1] != "/" and request.raw_path != "*":
        authority = request.raw_path.partition("://")[2].partition("/")[0]
        if authority and authority not in hosts:
            raise InvalidRequest("The request's address does not name this server.")


def _check_old_version(request: web.Request) -> None:
    if request.version != HttpVersion10:
        raise InvalidRequest("The request is not HTTP/1.0 or HTTP/1.1.")
    if hdrs.TRANSFER_ENCODING in request.headers:  # RFC 9112 section 6.1: treat it as faulty
        raise InvalidRequest("A request in HTTP/1.0 has no transfer encoding.")
