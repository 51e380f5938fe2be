"""API keys."""

from __future__ import annotations

from agentbox.errors import (
    InsufficientRank,
    InvalidCursor,
    NotFound,
    PermissionExceedsOwn,
    PermissionExceedsRole,
    ScopeConflict,
    ScopeExceedsOwn,
    StorageFull,
)
from agentbox.model.access.route import scoped
from agentbox.model.access.scopes import API_KEYS_READ, API_KEYS_WRITE
from agentbox.plugin.routes import Route
from agentbox.web.handlers.api_keys import ApiKeyHandlers
from agentbox.web.handlers.shapes import api_keys as shapes
from agentbox.web.routes.place import API


def api_key_routes(api_keys: ApiKeyHandlers) -> list[Route]:
    """Rows under /api-keys."""
    one = f"{API}/api-keys/{{key_id}}"
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
            errors=(
                NotFound,
                ScopeExceedsOwn,
                ScopeConflict,
                PermissionExceedsOwn,
                PermissionExceedsRole,
                StorageFull,
            ),
            tag="api keys",
        ),
        Route(
            method="GET",
            path=one,
            access=scoped(API_KEYS_READ),
            handler=api_keys.get,
            summary="Read an API key's record",
            response=shapes.ApiKeyOut,
            errors=(NotFound,),
            tag="api keys",
        ),
        Route(
            method="DELETE",
            path=one,
            access=scoped(API_KEYS_WRITE),
            handler=api_keys.revoke,
            summary="Revoke an API key",
            status=204,
            errors=(NotFound, StorageFull),
            tag="api keys",
        ),
    ]
