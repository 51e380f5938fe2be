"""What the web layer needs of the runtime, and what one request carries through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from agentbox.model.evidence import Credential
from agentbox.model.principal import Origin, Principal

if TYPE_CHECKING:
    from agentbox.config.schema import Settings
    from agentbox.core.readings.requests import RequestCounts
    from agentbox.model.access.scopes import ScopeTable
    from agentbox.web.typed.endpoint import Endpoint


class Recognition(Protocol):
    """Says who presents a credential."""

    async def recognise(self, credential: Credential, address: str | None) -> Principal:
        """Raises `InvalidToken`, `RateLimited`, `AuthenticatorUnavailable` or `Unavailable`."""

    async def recognise_expired(self, credential: Credential, address: str | None) -> Principal:
        """As `recognise`; a token that only ran out holds too."""


class Refusals(Protocol):
    """Takes note of refused requests, for the audit."""

    def note(
        self,
        event: str,
        actor: str,
        origin: Origin,
        details: Mapping[str, str],
        *,
        target: str | None = None,
        read: bool = False,
    ) -> None:
        """Something was refused; never waits."""


class Runtime(Protocol):
    """The part of the runtime that the web layer uses."""

    draining: bool
    """Set while the server is about to stop: it serves, but is not ready."""

    @property
    def settings(self) -> Settings: ...

    @property
    def scopes(self) -> ScopeTable: ...

    @property
    def recognition(self) -> Recognition: ...

    @property
    def refusals(self) -> Refusals: ...

    @property
    def requests(self) -> RequestCounts: ...


class RequestContext:
    """What is known of one request; made by `observe`, filled on the way in.

    One object for all middlewares, so that a copy of the request still shares it.
    """

    __slots__ = ("address", "endpoint", "principal", "request_id")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.address: str | None = None
        """The client's, as `forwarded` has found it."""
        self.endpoint: Endpoint | None = None
        self.principal: Principal | None = None


CONTEXT = web.RequestKey("CONTEXT", RequestContext)
