"""API keys."""

from __future__ import annotations

from agentbox.errors import (
    Conflict,
    InsufficientRank,
    InvalidCursor,
    NotFound,
    PermissionExceedsOwn,
    PermissionExceedsRole,
    Problem,
    ScopeConflict,
    ScopeExceedsOwn,
    StorageFull,
)
from agentbox.model.access.route import ANY, scoped
from agentbox.model.access.scopes import API_KEYS_READ, API_KEYS_WRITE
from agentbox.plugin.routes import Route
from agentbox.web.handlers.api_keys import ApiKeyHandlers
from agentbox.web.handlers.shapes import api_keys as shapes
from agentbox.web.routes.place import API

WIDER: tuple[type[Problem], ...] = (
    NotFound,
    ScopeExceedsOwn,
    ScopeConflict,
    PermissionExceedsOwn,
    PermissionExceedsRole,
)

ONE = f"{API}/api-keys/{{key_id}}"


def api_key_routes(api_keys: ApiKeyHandlers) -> list[Route]:
    """Rows under /api-keys."""
    return [*_collection(api_keys), *_one(api_keys), *_below_one(api_keys)]


def _collection(api_keys: ApiKeyHandlers) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{API}/api-keys",
            access=scoped(API_KEYS_READ),
            handler=api_keys.list,
            summary="List API keys",
            query=shapes.ApiKeyQuery,
            response=shapes.ApiKeyListOut,
            errors=(InvalidCursor, NotFound, InsufficientRank),
            tag="api keys",
        ),
        Route(
            method="POST",
            path=f"{API}/api-keys",
            access=scoped(API_KEYS_WRITE),
            handler=api_keys.create,
            summary="Make an API key; it is shown once",
            body=shapes.NewApiKeyBody,
            response=shapes.NewApiKeyOut,
            status=201,
            errors=(*WIDER, StorageFull),
            tag="api keys",
        ),
        Route(
            method="POST",
            path=f"{API}/api-keys/self/revoke",
            access=ANY,
            handler=api_keys.revoke_self,
            summary="Revoke the API key that is presented",
            status=204,
            errors=(NotFound, StorageFull),
            tag="api keys",
        ),
    ]


def _one(api_keys: ApiKeyHandlers) -> list[Route]:
    return [
        Route(
            method="GET",
            path=ONE,
            access=scoped(API_KEYS_READ),
            handler=api_keys.get,
            summary="Read an API key's record",
            response=shapes.ApiKeyOut,
            errors=(NotFound,),
            tag="api keys",
        ),
        Route(
            method="PATCH",
            path=ONE,
            access=scoped(API_KEYS_WRITE),
            handler=api_keys.patch,
            summary="Rename your own API key, or narrow its rights",
            body=shapes.ApiKeyPatchBody,
            response=shapes.ApiKeyOut,
            errors=(*WIDER, Conflict, StorageFull),
            tag="api keys",
        ),
        Route(
            method="DELETE",
            path=ONE,
            access=scoped(API_KEYS_WRITE),
            handler=api_keys.revoke,
            summary="Revoke an API key",
            status=204,
            errors=(NotFound, StorageFull),
            tag="api keys",
        ),
    ]


def _below_one(api_keys: ApiKeyHandlers) -> list[Route]:
    return [
        Route(
            method="POST",
            path=f"{ONE}/rotate",
            access=scoped(API_KEYS_WRITE),
            handler=api_keys.rotate,
            summary="Replace your own API key by a new one with the same rights",
            body=shapes.RotateBody,
            body_required=False,
            response=shapes.NewApiKeyOut,
            status=201,
            errors=(NotFound, ScopeExceedsOwn, PermissionExceedsOwn, Conflict, StorageFull),
            tag="api keys",
        ),
        Route(
            method="GET",
            path=f"{ONE}/permissions",
            access=scoped(API_KEYS_READ),
            handler=api_keys.permissions,
            summary="What an API key may do on single environments",
            response=shapes.KeyPermissionListOut,
            errors=(NotFound,),
            tag="api keys",
        ),
        Route(
            method="GET",
            path=f"{ONE}/usage",
            access=scoped(API_KEYS_READ),
            handler=api_keys.usage,
            summary="How often an API key was used",
            query=shapes.UsageQuery,
            response=shapes.UsageOut,
            errors=(NotFound,),
            tag="api keys",
        ),
    ]
