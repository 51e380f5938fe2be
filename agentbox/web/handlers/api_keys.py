"""API keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET, UnsetType

from agentbox.core.keys.api_keys import MadeKey
from agentbox.core.keys.making import NewApiKey
from agentbox.core.keys.narrowing import ApiKeyEdit
from agentbox.core.keys.usage import span_of
from agentbox.core.paging import Asked
from agentbox.core.runtime import Runtime
from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.access.roles import Permission
from agentbox.model.access.scopes import ScopeSet, ScopeTable
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.handlers.shapes.api_keys import (
    ApiKeyListOut,
    ApiKeyOut,
    ApiKeyPatchBody,
    ApiKeyQuery,
    KeyPermissionListOut,
    NewApiKeyBody,
    NewApiKeyOut,
    PermissionEntry,
    RotateBody,
    UsageOut,
    UsageQuery,
    api_key_fields,
    key_permissions_out,
    usage_out,
)
from agentbox.web.handlers.shapes.fields import Instant


class ApiKeyHandlers:
    """GET and POST /api-keys, and what lies below."""

    def __init__(self, runtime: Runtime) -> None:
        self._api_keys = runtime.api_keys
        self._scopes = runtime.scopes
        self._clock = runtime.clock

    async def list(self, request: RouteRequest[None, ApiKeyQuery]) -> ApiKeyListOut:
        """Keys, newest first."""
        query = request.query
        if query.all and query.user_id is not None:
            raise ValidationFailed(errors=[FieldFault("/all", "can't be given with user_id")])
        found = await self._api_keys.list(
            request.principal,
            Asked(query.limit, query.offset, query.cursor),
            user_id=query.user_id,
            everyone=query.all,
            state=query.state,
        )
        return ApiKeyListOut(
            api_keys=[ApiKeyOut(**api_key_fields(key)) for key in found.rows],
            total=found.total,
            next_cursor=found.next_cursor,
        )

    async def create(self, request: RouteRequest[NewApiKeyBody, None]) -> RouteResponse:
        """A new key of the caller's own."""
        body = request.body
        permissions, networks = by_environment(body.permissions), body.allowed_cidrs
        new = NewApiKey(
            name=body.name or None,
            description=body.description or None,
            expires_at=expiry(body, self._clock.now()) or None,
            scopes=known_scopes(body.scopes, self._scopes) or None,
            all_environments=body.all_environments or None,
            permissions=None if permissions is UNSET else permissions,
            allowed_cidrs=None if networks is UNSET else tuple(networks),
            rate_limit=None if body.rate_limit is UNSET else body.rate_limit,
        )
        return _made(await self._api_keys.create(request.principal, request.origin, new))

    async def get(self, request: RouteRequest[None, None]) -> ApiKeyOut:
        """One key's record."""
        key = await self._api_keys.get(request.principal, request.path["key_id"])
        return ApiKeyOut(**api_key_fields(key))

    async def patch(self, request: RouteRequest[ApiKeyPatchBody, None]) -> ApiKeyOut:
        """Change the fields sent, rights only to narrower ones."""
        body = request.body
        edit = ApiKeyEdit(
            name=body.name,
            description=body.description if body.description is UNSET else body.description or None,
            expires_at=expiry(body, self._clock.now()),
            scopes=known_scopes(body.scopes, self._scopes),
            all_environments=body.all_environments,
            permissions=by_environment(body.permissions),
            allowed_cidrs=UNSET if body.allowed_cidrs is UNSET else tuple(body.allowed_cidrs),
            rate_limit=body.rate_limit,
        )
        key_id = request.path["key_id"]
        key = await self._api_keys.edit(request.principal, request.origin, key_id, edit)
        return ApiKeyOut(**api_key_fields(key))

    async def rotate(self, request: RouteRequest[RotateBody, None]) -> RouteResponse:
        """A new key in the place of one's own."""
        overlap = timedelta(seconds=request.body.overlap_seconds)
        key_id = request.path["key_id"]
        return _made(
            await self._api_keys.rotate(request.principal, request.origin, key_id, overlap)
        )

    async def revoke(self, request: RouteRequest[None, None]) -> RouteResponse:
        """Revoke a key; its record stays."""
        await self._api_keys.revoke(request.principal, request.origin, request.path["key_id"])
        return RouteResponse(status=204)

    async def revoke_self(self, request: RouteRequest[None, None]) -> RouteResponse:
        """Revoke the key that is presented."""
        await self._api_keys.revoke_presented(request.principal, request.origin)
        return RouteResponse(status=204)

    async def permissions(self, request: RouteRequest[None, None]) -> KeyPermissionListOut:
        """What a key may do on single environments."""
        return key_permissions_out(
            await self._api_keys.get(request.principal, request.path["key_id"])
        )

    async def usage(self, request: RouteRequest[None, UsageQuery]) -> UsageOut:
        """How often a key was used."""
        query, now = request.query, self._clock.now()
        span = span_of(moment(query.start, "/start"), moment(query.end, "/end"), query.step, now)
        key_id = request.path["key_id"]
        return usage_out(await self._api_keys.usage(request.principal, key_id, span))


def known_scopes(names: Sequence[str] | UnsetType, table: ScopeTable) -> ScopeSet | UnsetType:
    """The scopes asked for, if all of them exist."""
    if names is UNSET:
        return UNSET
    faults = [
        FieldFault(f"/scopes/{number}", "is not a scope")
        for number, name in enumerate(names)
        if name not in table.rules
    ]
    if faults:
        raise ValidationFailed(errors=faults)
    return frozenset(names)


def by_environment(
    entries: Sequence[PermissionEntry] | UnsetType,
) -> dict[str, Permission] | UnsetType:
    """The entries by environment, each of which is named once."""
    if entries is UNSET:
        return UNSET
    asked: dict[str, Permission] = {}
    faults = []
    for number, entry in enumerate(entries):
        if entry.environment_id in asked:
            pointer = f"/permissions/{number}/environment_id"
            faults.append(FieldFault(pointer, "is named twice"))
        asked[entry.environment_id] = entry.permission
    if faults:
        raise ValidationFailed(errors=faults)
    return asked


def expiry(body: NewApiKeyBody | ApiKeyPatchBody, now: datetime) -> datetime | UnsetType:
    """The instant asked for in UTC, whichever way it was said."""
    if body.expires_in is not UNSET and body.expires_at is not UNSET:
        raise ValidationFailed(errors=[FieldFault("/expires_in", "can't be given with expires_at")])
    if body.expires_in is not UNSET:
        return now + timedelta(days=body.expires_in)
    return UNSET if body.expires_at is UNSET else in_utc(body.expires_at, "/expires_at")


def moment(text: str | None, pointer: str) -> datetime | None:
    """The instant that a query parameter names in RFC 3339, with its zone."""
    if text is None:
        return None
    try:
        return in_utc(msgspec.convert(text, Instant), pointer)
    except msgspec.ValidationError:
        fault = FieldFault(pointer, "is not an instant such as 2026-01-31T12:00:00Z")
        raise ValidationFailed(errors=[fault]) from None


def in_utc(given: datetime, pointer: str) -> datetime:
    """The same instant in UTC, where there may be no year for it."""
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise ValidationFailed(errors=[FieldFault(pointer, "is out of range")]) from None


def _made(made: MadeKey) -> RouteResponse:
    record = made.record
    return RouteResponse(
        body=NewApiKeyOut(**api_key_fields(record), key=made.text.reveal()),
        status=201,
        headers={"Location": f"/api/v1/api-keys/{record.id}"},
    )
