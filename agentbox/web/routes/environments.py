"""Environments."""

from __future__ import annotations

from agentbox.errors import (
    Conflict,
    InsufficientPermission,
    InsufficientRank,
    InvalidCursor,
    NotFound,
    PermissionExceedsRole,
    StorageFull,
)
from agentbox.model.access.roles import Permission
from agentbox.model.access.route import scoped
from agentbox.model.access.scopes import (
    ENVIRONMENTS_CREATE,
    ENVIRONMENTS_READ,
    ENVIRONMENTS_REPORT,
    ENVIRONMENTS_WRITE,
    USERS_READ,
)
from agentbox.plugin.routes import Route
from agentbox.web.handlers.environments import EnvironmentHandlers
from agentbox.web.handlers.shapes import environments as shapes
from agentbox.web.routes.place import API


def environment_routes(environments: EnvironmentHandlers) -> list[Route]:
    """Rows under /environments, and the environments of a user."""
    return [*_collection(environments), *_one(environments)]


def _collection(environments: EnvironmentHandlers) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{API}/environments",
            access=scoped(ENVIRONMENTS_READ),
            handler=environments.list,
            summary="List the environments that you may see",
            query=shapes.EnvironmentQuery,
            response=shapes.EnvironmentListOut,
            errors=(InvalidCursor,),
            tag="environments",
        ),
        Route(
            method="POST",
            path=f"{API}/environments",
            access=scoped(ENVIRONMENTS_CREATE),
            handler=environments.create,
            summary="Register an environment",
            body=shapes.NewEnvironmentBody,
            response=shapes.EnvironmentOut,
            status=201,
            errors=(
                NotFound,
                InsufficientPermission,
                InsufficientRank,
                PermissionExceedsRole,
                Conflict,
                StorageFull,
            ),
            tag="environments",
        ),
        Route(
            method="GET",
            path=f"{API}/users/{{user_id}}/environments",
            access=scoped(USERS_READ, self_scope=ENVIRONMENTS_READ),
            handler=environments.of_user,
            summary="List the environments that a user was granted",
            query=shapes.PageQuery,
            response=shapes.EnvironmentListOut,
            errors=(InvalidCursor, NotFound),
            tag="environments",
        ),
    ]


def _one(environments: EnvironmentHandlers) -> list[Route]:
    one = f"{API}/environments/{{environment_id}}"
    return [
        Route(
            method="GET",
            path=one,
            access=scoped(ENVIRONMENTS_READ, environment=Permission.VIEWER),
            handler=environments.get,
            summary="Read an environment",
            response=shapes.EnvironmentOut,
            errors=(NotFound,),
            tag="environments",
        ),
        Route(
            method="PATCH",
            path=one,
            access=scoped(ENVIRONMENTS_WRITE, environment=Permission.EDITOR),
            handler=environments.patch,
            summary="Change an environment; all but labels and status needs owner",
            body=shapes.EnvironmentPatchBody,
            response=shapes.EnvironmentOut,
            errors=(NotFound, InsufficientPermission, StorageFull),
            tag="environments",
        ),
        Route(
            method="DELETE",
            path=one,
            access=scoped(ENVIRONMENTS_WRITE, environment=Permission.OWNER),
            handler=environments.delete,
            summary="Delete an environment with all permissions on it",
            status=204,
            errors=(NotFound, InsufficientPermission, StorageFull),
            tag="environments",
        ),
        Route(
            method="POST",
            path=f"{one}/report",
            access=scoped(ENVIRONMENTS_REPORT, environment=Permission.EDITOR),
            handler=environments.report,
            summary="Report what an environment does",
            body=shapes.ReportBody,
            status=204,
            errors=(NotFound, InsufficientPermission, StorageFull),
            tag="environments",
        ),
    ]
