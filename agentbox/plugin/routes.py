"""Routes: what a handler gets and gives, and the table row that describes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct

from agentbox.errors import Problem
from agentbox.model.access.route import Access
from agentbox.model.principal import Origin, Principal

BodyT = TypeVar("BodyT")
QueryT = TypeVar("QueryT")


class RouteRequest(Struct, Generic[BodyT, QueryT], kw_only=True):
    """A request whose path, query and body have been parsed and whose caller may call this route.

    `caller` is None on public routes.
    """

    path: Mapping[str, str]
    query: QueryT
    body: BodyT
    caller: Principal | None
    origin: Origin
    request_id: str
    cookie: str | None = None
    """The value of the cookie that the route names, if it was sent; never a credential."""

    accept: str = ""
    """The `Accept` header, of a route that `negotiates`."""

    @property
    def principal(self) -> Principal:
        """The caller of a route that is not public."""
        if self.caller is None:
            raise LookupError("a public route has no principal")
        return self.caller


class RouteResponse(Struct, frozen=True, kw_only=True):
    """An answer with its own status, headers or media type.

    `body` is a Struct (sent as JSON), ready bytes, or None for no content. The media type is the
    route's unless given.
    """

    body: Struct | bytes | None = None
    status: int = 200
    headers: Mapping[str, str] = {}
    content_type: str | None = None


Represent = Callable[[Any], bytes | Iterable[bytes]]
"""A `response` in another form than JSON: whole, or in pieces, such as from a generator. A long one
should come in pieces: while one is made every other request waits, between two they have a turn."""

Handler = Callable[[RouteRequest[Any, Any]], Awaitable[Struct | RouteResponse]]


class Route(Struct, frozen=True, kw_only=True):
    """One row of the route table. The server, its documents and its tests all read this.

    `path` has parameters in braces (`/things/{thing_id}`). A plugin's paths are taken under
    `/api/v1/x/<entry point>`. `body`, `query` and `response` are msgspec Structs; unknown body
    members are refused. `content_type` is the media type of a `response`. A handler that gives
    something else than a `response` (or a `RouteResponse` with one, with bytes or with nothing) is
    broken, as is a plugin's that raises anything but a `Problem` or `StorageError`, or takes over
    30 s: the client is told 500 `internal`. `errors` are the problems beyond those that every
    route can have.
    """

    method: str
    path: str
    access: Access
    handler: Handler
    summary: str
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    response: type[Struct] | None = None
    content_type: str = "application/json"
    status: int = 200
    also: tuple[int, ...] = ()
    """Further statuses that are no problems: a `RouteResponse` that sends elsewhere, or nothing."""

    representations: Mapping[str, Represent] = {}
    """Further forms of a `response` by their media types, for clients whose `Accept` prefers one
    (RFC 9110 section 12.5.1). A `RouteResponse` is sent as it is."""

    errors: tuple[type[Problem], ...] = ()
    tag: str = ""
    hidden: bool = False
    body_required: bool = True
    """False if a request without a body is one with an empty object."""

    cookie: str | None = None
    """The name of the one cookie that the handler reads; two of that name are refused."""

    negotiates: bool = False
    """True if the handler chooses the form of its bytes by the `Accept` header."""

    head: bool = True
    """False for a GET that is more than a read: HEAD, which only looks, is refused with 405."""

    probe: bool = False
    """True for probes, which answer to any Host."""
