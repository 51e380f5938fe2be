"""The route table: every route of ours, what it asks of its caller, and its types."""

from __future__ import annotations

from collections.abc import Sequence

from agentbox.core.runtime import Runtime
from agentbox.errors import (
    AuthenticatorUnavailable,
    Conflict,
    InsufficientRank,
    InvalidCredentials,
    InvalidCursor,
    InvalidPassword,
    LastSuperAdmin,
    LoginIncomplete,
    NotFound,
    Overloaded,
    PermissionExceedsOwn,
    PermissionExceedsRole,
    Problem,
    ScopeConflict,
    ScopeExceedsOwn,
    SelfForbidden,
    SessionRequired,
    StorageFull,
    WeakPassword,
)
from agentbox.model.access.route import PUBLIC, Access, scoped
from agentbox.model.access.scopes import (
    API_KEYS_READ,
    API_KEYS_WRITE,
    SELF_READ,
    SELF_WRITE,
    USERS_READ,
    USERS_WRITE,
)
from agentbox.plugin.routes import Route
from agentbox.web.handlers import shapes
from agentbox.web.handlers.api_keys import ApiKeyHandlers
from agentbox.web.handlers.auth import AuthHandlers
from agentbox.web.handlers.system import SystemHandlers
from agentbox.web.handlers.users import UserHandlers

API = "/api/v1"

OWN_ACCESS = Access(kind="any", allow_restricted=True)
LOGOUT_ACCESS = Access(kind="session", allow_restricted=True, allow_expired=True)
CHANGE_PASSWORD_ACCESS = Access(kind="session", allow_restricted=True)

LOGIN_ERRORS: tuple[type[Problem], ...] = (
    InvalidCredentials,
    LoginIncomplete,
    AuthenticatorUnavailable,
    Overloaded,
    StorageFull,
)
EDIT_ERRORS: tuple[type[Problem], ...] = (
    NotFound,
    InsufficientRank,
    SelfForbidden,
    LastSuperAdmin,
    Conflict,
    WeakPassword,
    Overloaded,
    StorageFull,
)


def route_table(runtime: Runtime) -> Sequence[Route]:
    """Ours and the plugins'; the server adds the documents made from them."""
    return [*core_routes(runtime), *runtime.plugin_routes]


def core_routes(runtime: Runtime) -> Sequence[Route]:
    """Our own rows."""
    users = UserHandlers(runtime)
    return [
        *_auth_routes(AuthHandlers(runtime)),
        *_users_routes(users),
        *_user_routes(users),
        *_api_key_routes(ApiKeyHandlers(runtime)),
        *_system_routes(SystemHandlers(runtime)),
    ]


def _auth_routes(auth: AuthHandlers) -> list[Route]:
    return [
        Route(
            method="POST",
            path=f"{API}/auth/login",
            access=PUBLIC,
            handler=auth.login,
            summary="Sign in with a username and a password",
            body=shapes.LoginBody,
            response=shapes.LoginOut,
            errors=LOGIN_ERRORS,
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/login/continue",
            access=PUBLIC,
            handler=auth.login_continue,
            summary="Go on with a login that needs another step",
            body=shapes.ContinueBody,
            response=shapes.LoginOut,
            errors=LOGIN_ERRORS,
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/logout",
            access=LOGOUT_ACCESS,
            handler=auth.logout,
            summary="End this session",
            status=204,
            errors=(SessionRequired, StorageFull),
            tag="auth",
        ),
        Route(
            method="GET",
            path=f"{API}/auth/me",
            access=OWN_ACCESS,
            handler=auth.me,
            summary="Who you are and what this credential may do",
            response=shapes.MeOut,
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/change-password",
            access=CHANGE_PASSWORD_ACCESS,
            handler=auth.change_password,
            summary="Change your own password",
            body=shapes.ChangePasswordBody,
            status=204,
            errors=(SessionRequired, InvalidPassword, WeakPassword, Overloaded, StorageFull),
            tag="auth",
        ),
    ]


def _users_routes(users: UserHandlers) -> list[Route]:
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
    ]


def _user_routes(users: UserHandlers) -> list[Route]:
    one = f"{API}/users/{{user_id}}"
    edit_access = scoped(USERS_WRITE, self_scope=SELF_WRITE)
    return [
        Route(
            method="GET",
            path=one,
            access=scoped(USERS_READ, self_scope=SELF_READ),
            handler=users.get,
            summary="Read a user",
            response=shapes.UserOut,
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


def _api_key_routes(api_keys: ApiKeyHandlers) -> list[Route]:
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


def _system_routes(system: SystemHandlers) -> list[Route]:
    ready = "Whether this process should get traffic"
    return [
        Route(
            method="GET",
            path="/healthz",
            access=PUBLIC,
            handler=system.healthz,
            summary="Whether the process answers",
            response=shapes.HealthOut,
            tag="system",
            probe=True,
        ),
        Route(
            method="GET",
            path="/readyz",
            access=PUBLIC,
            handler=system.readyz,
            summary=ready,
            response=shapes.HealthOut,
            tag="system",
            probe=True,
        ),
        Route(
            method="GET",
            path=f"{API}/health",
            access=PUBLIC,
            handler=system.readyz,
            summary=f"{ready} (for older clients)",
            response=shapes.HealthOut,
            tag="system",
            probe=True,
        ),
        Route(
            method="GET",
            path="/.well-known/jwks.json",
            access=PUBLIC,
            handler=system.jwks,
            summary="The public keys that verify access tokens",
            response=shapes.JwksOut,
            tag="system",
        ),
    ]
