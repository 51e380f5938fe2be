"""Permissions on environments, from both sides."""

from __future__ import annotations

from agentbox.errors import (
    Conflict,
    InsufficientPermission,
    InsufficientRole,
    InvalidCursor,
    LastOwner,
    NotFound,
    PermissionExceedsRole,
    Problem,
    StorageFull,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.route import scoped
from agentbox.model.access.scopes import (
    ENVIRONMENTS_READ,
    ENVIRONMENTS_SHARE,
    SELF_READ,
    USERS_READ,
)
from agentbox.plugin.routes import Route
from agentbox.web.handlers.permissions import PermissionHandlers
from agentbox.web.handlers.shapes import environments as shapes
from agentbox.web.routes.place import API

GIVE_ERRORS: tuple[type[Problem], ...] = (
    NotFound,
    InsufficientPermission,
    PermissionExceedsRole,
    Conflict,
    StorageFull,
)
CHANGE_ERRORS: tuple[type[Problem], ...] = (
    NotFound,
    InsufficientPermission,
    PermissionExceedsRole,
    LastOwner,
    Conflict,
    StorageFull,
)
TAKE_ERRORS: tuple[type[Problem], ...] = (
    NotFound,
    InsufficientPermission,
    LastOwner,
    Conflict,
    StorageFull,
)


def permission_routes(permissions: PermissionHandlers) -> list[Route]:
    """Rows under /environments/{environment_id}/permissions and /users/{user_id}/permissions."""
    return [*_on_environment(permissions), *_of_user(permissions), *_one_of_user(permissions)]


def _on_environment(permissions: PermissionHandlers) -> list[Route]:
    path = f"{API}/environments/{{environment_id}}/permissions"
    share = scoped(ENVIRONMENTS_SHARE, environment=Permission.OWNER)
    return [
        Route(
            method="GET",
            path=path,
            access=scoped(ENVIRONMENTS_READ, environment=Permission.OWNER),
            handler=permissions.on_environment,
            summary="List who may do what with an environment",
            query=shapes.PageQuery,
            response=shapes.GrantListOut,
            errors=(InvalidCursor, NotFound, InsufficientPermission),
            tag="permissions",
        ),
        Route(
            method="POST",
            path=path,
            access=share,
            handler=permissions.share,
            summary="Share an environment with a user",
            body=shapes.ShareBody,
            response=shapes.GrantOut,
            status=201,
            errors=GIVE_ERRORS,
            tag="permissions",
        ),
        Route(
            method="PUT",
            path=f"{path}/{{user_id}}",
            access=share,
            handler=permissions.change,
            summary="Change a permission",
            body=shapes.PermissionBody,
            response=shapes.GrantOut,
            errors=CHANGE_ERRORS,
            tag="permissions",
        ),
        Route(
            method="DELETE",
            path=f"{path}/{{user_id}}",
            access=scoped(ENVIRONMENTS_SHARE, environment=Permission.VIEWER),
            handler=permissions.take,
            summary="Take a permission away as owner, or give up your own",
            status=204,
            errors=TAKE_ERRORS,
            tag="permissions",
        ),
    ]


def _of_user(permissions: PermissionHandlers) -> list[Route]:
    path = f"{API}/users/{{user_id}}/permissions"
    share = scoped(ENVIRONMENTS_SHARE, others_role=Role.ADMIN)
    return [
        Route(
            method="GET",
            path=path,
            access=scoped(USERS_READ, self_scope=SELF_READ),
            handler=permissions.of_user,
            summary="List what a user may do with which environment",
            query=shapes.PageQuery,
            response=shapes.GrantListOut,
            errors=(InvalidCursor, NotFound),
            tag="permissions",
        ),
        Route(
            method="POST",
            path=path,
            access=share,
            handler=permissions.give,
            summary="Give a user a permission on an environment",
            body=shapes.GrantBody,
            response=shapes.GrantOut,
            status=201,
            errors=(InsufficientRole, *GIVE_ERRORS),
            tag="permissions",
        ),
        Route(
            method="PUT",
            path=path,
            access=share,
            handler=permissions.replace,
            summary="Replace the permissions of a user, as far as you may administer them",
            body=shapes.GrantsBody,
            response=shapes.GrantListOut,
            errors=(InsufficientRole, *CHANGE_ERRORS),
            tag="permissions",
        ),
    ]


def _one_of_user(permissions: PermissionHandlers) -> list[Route]:
    path = f"{API}/users/{{user_id}}/permissions/{{environment_id}}"
    owner, viewer = (
        scoped(ENVIRONMENTS_SHARE, others_role=Role.ADMIN, environment=needed)
        for needed in (Permission.OWNER, Permission.VIEWER)
    )
    return [
        Route(
            method="PUT",
            path=path,
            access=owner,
            handler=permissions.change,
            summary="Change a user's permission on an environment",
            body=shapes.PermissionBody,
            response=shapes.GrantOut,
            errors=(InsufficientRole, *CHANGE_ERRORS),
            tag="permissions",
        ),
        Route(
            method="DELETE",
            path=path,
            access=viewer,
            handler=permissions.take,
            summary="Take a user's permission on an environment away as owner, or give up your own",
            status=204,
            errors=(InsufficientRole, *TAKE_ERRORS),
            tag="permissions",
        ),
    ]
