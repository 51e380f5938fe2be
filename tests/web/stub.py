"""A runtime of stubs around the real web layer: routes of the tests' own, principals by token."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from agentbox.config.schema import Settings
from agentbox.config.sections import AdminSettings, ApiKeySettings, ServerSettings, TokenSettings
from agentbox.core.readings.requests import RequestCounts
from agentbox.errors import Conflict, InvalidToken, StorageError
from agentbox.model.access.roles import Role
from agentbox.model.access.route import ANY, PUBLIC, SESSION, Access, scoped
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.evidence import NO_LIMIT, Credential, CredentialRef, SubjectRef
from agentbox.model.principal import Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import User
from agentbox.plugin.routes import Handler, Route, RouteRequest, RouteResponse

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class StubRecognition:
    """Knows the principals it was given by token; raises what it was given to raise.

    `asked` is set once it was asked; it answers when `free` is set.
    """

    def __init__(self, known: dict[str, Principal | Exception]) -> None:
        self.known = known
        self.seen: list[Credential] = []
        self.addresses: list[str | None] = []
        self.asked, self.free = asyncio.Event(), asyncio.Event()
        self.free.set()

    async def recognise(self, credential: Credential, address: str | None) -> Principal:
        self.seen.append(credential)
        self.addresses.append(address)
        self.asked.set()
        await self.free.wait()
        answer = self.known.get(credential.value.reveal(), InvalidToken())
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def recognise_expired(self, credential: Credential, address: str | None) -> Principal:
        return await self.recognise(Credential(credential.scheme, Secret("session")), address)


class StubRefusals:
    """Keeps what the audit would be told."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str, dict[str, str]]] = []

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
        self.noted.append((event, actor, dict(details)))


class StubRuntime:
    def __init__(self, **server: Any) -> None:
        server = {"docs": False, "port": 0} | server
        self.settings = settings(**server)
        self.scopes = ScopeTable()
        self.recognition = StubRecognition(
            {
                "session": principal("session", {"self:read", "users:read"}, Role.ADMIN),
                "key": principal("api_key", {"self:read"}, Role.ADMIN),
                "viewer": principal("api_key", {"self:read"}, Role.VIEWER),
            }
        )
        self.refusals = StubRefusals()
        self.requests = RequestCounts()
        self.draining = False


def settings(**server: Any) -> Settings:
    return Settings(
        server=ServerSettings(**server),
        admin=AdminSettings(),
        tokens=TokenSettings(),
        api_keys=ApiKeySettings(),
        plugins=(),
        plugin_options={},
        authenticators=(),
    )


def principal(kind: str, scopes: set[str], role: Role) -> Principal:
    required = {
        "id": "u1",
        "username": "alice",
        "role": role,
        "created_at": NOW,
        "updated_at": NOW,
    }
    names = {field.name for field in msgspec.structs.fields(User) if field.required}
    return Principal(
        subject=SubjectRef("user", "u1"),
        user=User(**{name: required.get(name) for name in names}),
        role=role,
        scopes=frozenset(scopes),
        environment_limit=NO_LIMIT,
        credential=CredentialRef(kind=kind, id="c1", authenticator_id="stub"),
        evaluated_at=NOW,
    )


class Item(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body with one of each kind of field."""

    name: Annotated[str, Meta(min_length=1, max_length=100_000)]
    count: Annotated[int, Meta(ge=0, le=100)] = 0
    ratio: float = 0.0
    on: bool = False
    tags: list[str] = []
    nested: dict[str, int] = {}
    role: Role = Role.USER


class Anything(Struct, frozen=True):
    """A body that takes every JSON value."""

    value: Any


class Page(Struct, frozen=True, kw_only=True):
    """A query."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 1000
    on: bool | None = None
    search: str | None = None


class Echo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the handler got."""

    path: dict[str, str] = {}
    query: Any = None
    body: Any = None
    user: str | None = None
    request_id: str = ""
    address: str | None = None


class Handlers:
    """Echo what came; `calls` counts the requests that reached a handler."""

    def __init__(self) -> None:
        self.calls = 0

    async def echo(self, request: RouteRequest[Any, Any]) -> Echo:
        self.calls += 1
        return Echo(
            path=dict(request.path),
            query=request.query,
            body=request.body,
            user=None if request.caller is None else request.caller.user_id,
            request_id=request.request_id,
            address=request.origin.address,
        )

    async def fail(self, request: RouteRequest[Any, Any]) -> Echo:
        raise RuntimeError("canary-in-a-message SELECT password_hash FROM users")

    async def conflict(self, request: RouteRequest[Any, Any]) -> Echo:
        raise Conflict("That name is taken.")

    async def broken_storage(self, request: RouteRequest[Any, Any]) -> Echo:
        raise StorageError("duplicate key value violates unique constraint users_pkey")

    async def full_storage(self, request: RouteRequest[Any, Any]) -> Echo:
        raise StorageError("no space left on /var/lib", full=True)

    async def nothing(self, request: RouteRequest[Any, Any]) -> RouteResponse:
        return RouteResponse(status=204)

    async def cached(self, request: RouteRequest[Any, Any]) -> RouteResponse:
        return RouteResponse(body=b"x", headers={"Cache-Control": "public"}, content_type="a/b")

    async def splitting(self, request: RouteRequest[Any, Any]) -> RouteResponse:
        return RouteResponse(headers={"X-Name": "a\r\nSet-Cookie: b=c"})

    async def refused_token(self, request: RouteRequest[Any, Any]) -> Echo:
        raise InvalidToken

    def routes(self) -> list[Route]:
        return [
            row("GET", "/public", self.echo, PUBLIC),
            row("GET", "/query", self.echo, PUBLIC, query=Page),
            row("GET", "/items/{item_id}", self.echo, PUBLIC),
            row("POST", "/items", self.echo, PUBLIC, body=Item),
            row("POST", "/anything", self.echo, PUBLIC, body=Anything),
            row("POST", "/bodiless", self.echo, PUBLIC),
            row("GET", "/any", self.echo, ANY),
            row("GET", "/session", self.echo, SESSION),
            row("GET", "/users/{user_id}", self.echo, scoped("users:read")),
            row("POST", "/guarded", self.echo, scoped("users:read"), body=Item),
            row("POST", "/logout", self.echo, Access(kind="session", allow_expired=True)),
            row("GET", "/probe", self.echo, PUBLIC, probe=True),
            row("GET", "/fail", self.fail, PUBLIC),
            row("GET", "/conflict", self.conflict, PUBLIC),
            row("GET", "/broken", self.broken_storage, PUBLIC),
            row("GET", "/full", self.full_storage, PUBLIC),
            row("DELETE", "/items/{item_id}", self.nothing, PUBLIC),
            row("GET", "/cached", self.cached, PUBLIC),
            row("GET", "/splitting", self.splitting, PUBLIC),
            row("POST", "/login", self.refused_token, PUBLIC),
        ]


def row(method: str, path: str, handler: Handler, access: Access, **more: Any) -> Route:
    return Route(
        method=method,
        path=path,
        access=access,
        handler=handler,
        summary="A route of the tests",
        response=Echo,
        **more,
    )
