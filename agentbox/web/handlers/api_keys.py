"""API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec import UNSET

from agentbox.core.keys.api_keys import NewApiKey
from agentbox.core.runtime import Runtime
from agentbox.errors import FieldFault, InvalidCursor, NotFound, ValidationFailed
from agentbox.model.access.scopes import ScopeSet, ScopeTable
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.plugin.storage import Page
from agentbox.web.handlers.shapes.api_keys import (
    ApiKeyListOut,
    ApiKeyOut,
    ApiKeyQuery,
    NewApiKeyBody,
    NewApiKeyOut,
    api_key_fields,
)


class ApiKeyHandlers:
    """GET and POST /api-keys; GET and DELETE /api-keys/{key_id}."""

    def __init__(self, runtime: Runtime) -> None:
        self._api_keys = runtime.api_keys
        self._scopes = runtime.scopes
        self._clock = runtime.clock

    async def list(self, request: RouteRequest[None, ApiKeyQuery]) -> ApiKeyListOut:
        """Keys, newest first."""
        query = request.query
        if query.cursor is not None:
            raise InvalidCursor
        if query.all and query.user_id is not None:
            raise ValidationFailed(errors=[FieldFault("/all", "can't be given with user_id")])
        found = await self._api_keys.list(
            request.principal,
            Page(query.limit, query.offset),
            user_id=query.user_id,
            everyone=query.all,
            state=query.state,
        )
        keys = [ApiKeyOut(**api_key_fields(key)) for key in found.api_keys]
        return ApiKeyListOut(api_keys=keys, total=found.total)

    async def create(self, request: RouteRequest[NewApiKeyBody, None]) -> RouteResponse:
        """A new key of the caller's own."""
        body = request.body
        scopes = None if body.scopes is UNSET else known_scopes(body.scopes, self._scopes)
        if body.permissions is not UNSET and body.permissions:
            raise NotFound("There is no such environment.")
        made = await self._api_keys.create(
            request.principal,
            request.origin,
            NewApiKey(
                name=body.name or None,
                description=body.description or None,
                expires_at=expiry(body, self._clock.now()),
                scopes=scopes,
                all_environments=body.all_environments or None,
                no_environments=body.permissions is not UNSET,
            ),
        )
        record = made.record
        return RouteResponse(
            body=NewApiKeyOut(**api_key_fields(record), key=made.text.reveal()),
            status=201,
            headers={"Location": f"/api/v1/api-keys/{record.id}"},
        )

    async def get(self, request: RouteRequest[None, None]) -> ApiKeyOut:
        """One key's record."""
        key = await self._api_keys.get(request.principal, request.path["key_id"])
        return ApiKeyOut(**api_key_fields(key))

    async def revoke(self, request: RouteRequest[None, None]) -> RouteResponse:
        """Revoke a key; its record stays."""
        await self._api_keys.revoke(request.principal, request.origin, request.path["key_id"])
        return RouteResponse(status=204)


def known_scopes(names: list[str], table: ScopeTable) -> ScopeSet:
    """The scopes asked for, if all of them exist."""
    faults = [
        FieldFault(f"/scopes/{number}", "is not a scope")
        for number, name in enumerate(names)
        if name not in table.rules
    ]
    if faults:
        raise ValidationFailed(errors=faults)
    return frozenset(names)


def expiry(body: NewApiKeyBody, now: datetime) -> datetime | None:
    """The instant asked for in UTC, whichever way it was said."""
    if body.expires_in is not UNSET and body.expires_at is not UNSET:
        raise ValidationFailed(errors=[FieldFault("/expires_in", "can't be given with expires_at")])
    if body.expires_in is not UNSET:
        return now + timedelta(days=body.expires_in)
    if body.expires_at is UNSET:
        return None
    try:
        return body.expires_at.astimezone(UTC)
    except OverflowError:  # the year 10000 in UTC
        raise ValidationFailed(errors=[FieldFault("/expires_at", "is out of range")]) from None
