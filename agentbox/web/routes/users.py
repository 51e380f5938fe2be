"""Users."""

from __future__ import annotations

from agentbox.errors import (
    Conflict,
    InsufficientRank,
    InsufficientUserAuthentication,
    InvalidCursor,
    LastSuperAdmin,
    NotFound,
    Overloaded,
    Problem,
    SelfForbidden,
    StorageFull,
    WeakPassword,
)
from agentbox.model.access.route import scoped
from agentbox.model.access.scopes import (
    SELF_READ,
    SELF_WRITE,
    USERS_CREDENTIALS,
    USERS_READ,
    USERS_WRITE,
)
from agentbox.plugin.routes import Route
from agentbox.web.handlers.shapes import users as shapes
from agentbox.web.handlers.users import UserHandlers
from agentbox.web.routes.place import API

EDIT_ERRORS: tuple[type[Problem], ...] = (
    InsufficientUserAuthentication,
    NotFound,
    InsufficientRank,
    SelfForbidden,
    LastSuperAdmin,
    Conflict,
    WeakPassword,
    Overloaded,
    StorageFull,
)
ACTION_ERRORS: tuple[type[Problem], ...] = (NotFound, InsufficientRank, SelfForbidden, StorageFull)


def user_routes(users: UserHandlers) -> list[Route]:
    """Rows under /users."""
    return [*_collection(users), *_one(users), *_actions(users)]


def _collection(users: UserHandlers) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{API}/users",
            access=scoped(USERS_READ),
            handler=users.list,
            summary="List users",
            query=shapes.UserQuery,
            response=shapes.UserListOut,
            errors=(InvalidCursor,),
            tag="users",
        ),
        Route(
            method="POST",
            path=f"{API}/users",
            access=scoped(USERS_WRITE),
            handler=users.create,
            summary="Create a user",
            body=shapes.NewUserBody,
            response=shapes.UserOut,
            status=201,
            errors=(InsufficientRank, Conflict, WeakPassword, Overloaded, StorageFull),
            tag="users",
        ),
        Route(
            method="POST",
            path=f"{API}/users/bulk",
            access=scoped(USERS_WRITE),
            handler=users.bulk,
            summary="Enable or disable several users, each judged alone",
            body=shapes.BulkBody,
            response=shapes.BulkOut,
            errors=(StorageFull,),
            tag="users",
        ),
    ]


def _one(users: UserHandlers) -> list[Route]:
    one = f"{API}/users/{{user_id}}"
    edit_access = scoped(USERS_WRITE, self_scope=SELF_WRITE)
    return [
        Route(
            method="GET",
            path=one,
            access=scoped(USERS_READ, self_scope=SELF_READ),
            handler=users.get,
            summary="Read a user",
            response=shapes.OneUserOut,
            errors=(NotFound,),
            tag="users",
        ),
        Route(
            method="PUT",
            path=one,
            access=edit_access,
            handler=users.put,
            summary="Change a user, also its password",
            body=shapes.UserPutBody,
            response=shapes.UserOut,
            errors=EDIT_ERRORS,
            tag="users",
        ),
        Route(
            method="PATCH",
            path=one,
            access=edit_access,
            handler=users.patch,
            summary="Change a user",
            body=shapes.UserPatchBody,
            response=shapes.UserOut,
            errors=EDIT_ERRORS,
            tag="users",
        ),
        Route(
            method="DELETE",
            path=one,
            access=scoped(USERS_WRITE),
            handler=users.delete,
            summary="Delete a user",
            status=204,
            errors=(NotFound, InsufficientRank, SelfForbidden, LastSuperAdmin, StorageFull),
            tag="users",
        ),
    ]


def _actions(users: UserHandlers) -> list[Route]:
    one = f"{API}/users/{{user_id}}"
    return [
        Route(
            method="POST",
            path=f"{one}/enable",
            access=scoped(USERS_WRITE),
            handler=users.enable,
            summary="Let a user sign in again; its API keys work again",
            response=shapes.UserOut,
            errors=ACTION_ERRORS,
            tag="users",
        ),
        Route(
            method="POST",
            path=f"{one}/disable",
            access=scoped(USERS_WRITE),
            handler=users.disable,
            summary="Shut a user out: its sessions end, its API keys rest",
            response=shapes.UserOut,
            errors=(*ACTION_ERRORS, LastSuperAdmin),
            tag="users",
        ),
        Route(
            method="POST",
            path=f"{one}/reset-password",
            access=scoped(USERS_CREDENTIALS),
            handler=users.reset_password,
            summary="Take a user's password away, for a secret that signs in once",
            response=shapes.ResetOut,
            status=201,
            errors=ACTION_ERRORS,
            tag="users",
        ),
        Route(
            method="POST",
            path=f"{one}/unlock",
            access=scoped(USERS_CREDENTIALS),
            handler=users.unlock,
            summary="Lift the throttling of failed logins",
            response=shapes.UserOut,
            errors=ACTION_ERRORS,
            tag="users",
        ),
    ]
