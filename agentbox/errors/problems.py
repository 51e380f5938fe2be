"""What a client is told (RFC 9457): one class for each code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from agentbox.errors.root import AgentboxError


class FieldFault(NamedTuple):
    """One fault of a body or query: where (JSON Pointer, RFC 6901) and what."""

    pointer: str
    detail: str


class Refusal(NamedTuple):
    """For the audit alone, never told: whom a problem refuses, as the audit names it, and why."""

    actor: str | None
    reason: str


class Problem(AgentboxError):
    """The base of what clients are told. `detail` is one sentence, safe to show anybody.

    `members` are further members of the problem body; `retry_after` is whole seconds for the
    header of that name.
    """

    code: ClassVar[str]
    title: ClassVar[str]

    refusal: Refusal | None = None

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldFault] = (),
        members: Mapping[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.detail = detail or f"{self.title}."
        self.errors = tuple(errors)
        self.members = dict(members or {})
        self.retry_after = retry_after
        super().__init__(self.detail)


class InvalidRequest(Problem):
    """The request can't be read as one request: a header, a parameter or the framing is wrong."""

    code, title = "invalid_request", "The request is not valid"


class MalformedBody(Problem):
    """The body is not one well-formed JSON text."""

    code, title = "malformed_body", "The body is not well-formed JSON"


class InvalidCursor(Problem):
    """`?cursor=` is not one that this server gave out."""

    code, title = "invalid_cursor", "The cursor is not valid"


class Unauthorized(Problem):
    """No credential was sent, and the route wants one."""

    code, title = "unauthorized", "A credential is needed"


class InvalidToken(Problem):
    """A credential was sent and it does not hold (RFC 6750 section 3.1)."""

    code, title = "invalid_token", "The credential is not valid"


class InvalidCredentials(Problem):
    """The login is wrong; it does not say in what."""

    code, title = "invalid_credentials", "The username or the password is wrong"


class InvalidGrant(Problem):
    """What was to be exchanged for tokens does not hold; it does not say why (RFC 6749 5.2)."""

    code, title = "invalid_grant", "The grant is not valid"


class InsufficientScope(Problem):
    """The role has the scope, this credential has not (RFC 6750 section 3.1)."""

    code, title = "insufficient_scope", "The credential lacks a scope"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This needs the scope {scope}.", members={"scope": scope})


class InsufficientRole(Problem):
    """The current role does not reach this."""

    code, title = "insufficient_role", "The role does not suffice"


class InsufficientRank(Problem):
    """The target's role is equal to or higher than the caller's."""

    code, title = "insufficient_rank", "The rank does not suffice"


class InsufficientPermission(Problem):
    """The environment is there for the caller, its permission on it is too low."""

    code, title = "insufficient_permission", "The permission on the environment does not suffice"

    def __init__(self, permission: str) -> None:
        super().__init__(
            f"This needs the permission {permission} on the environment.",
            members={"permission": permission},
        )


class ScopeExceedsOwn(Problem):
    """A key was asked for a scope that its maker does not have."""

    code, title = "scope_exceeds_own", "A scope goes beyond your own"


class PermissionExceedsOwn(Problem):
    """A key was asked for more on environments than its maker may give."""

    code, title = "permission_exceeds_own", "A permission goes beyond your own"


class SessionRequired(Problem):
    """Only a signed-in person may do this, never an API key."""

    code, title = "session_required", "A signed-in session is needed"


class InvalidPassword(Problem):
    """The current password given along is wrong."""

    code, title = "invalid_password", "The current password is wrong"


class PasswordChangeRequired(Problem):
    """The session may do nothing but change its password."""

    code, title = "password_change_required", "The password must be changed first"


class LoginIncomplete(Problem):
    """The first factor is right; `flow` and `methods` say how to go on."""

    code, title = "login_incomplete", "Signing in needs another step"


class InsufficientUserAuthentication(Problem):
    """The sign-in is too long ago for this (RFC 9470, answered as 403)."""

    code = "insufficient_user_authentication"
    title = "A fresh sign-in is needed"


class NotFound(Problem):
    """There is no such thing, or not for the caller."""

    code, title = "not_found", "Not found"


class MethodNotAllowed(Problem):
    """The path exists, the method does not."""

    code, title = "method_not_allowed", "The method is not allowed here"


class Conflict(Problem):
    """The name is taken, or the state has changed meanwhile."""

    code, title = "conflict", "This conflicts with what is there"


class LastSuperAdmin(Problem):
    """The last active super_admin can't be demoted, disabled or deleted."""

    code, title = "last_super_admin", "The last super_admin must stay"


class LastOwner(Problem):
    """The last owner of an environment can't leave it, nor be made less."""

    code, title = "last_owner", "The last owner must stay"


class SelfForbidden(Problem):
    """Admins don't do this to themselves."""

    code, title = "self_forbidden", "You can't do this to yourself"


class PayloadTooLarge(Problem):
    """The body is over the limit."""

    code, title = "payload_too_large", "The body is too large"


class UnsupportedMediaType(Problem):
    """The body is not `application/json` in UTF-8, or it is encoded."""

    code, title = "unsupported_media_type", "The media type is not supported"


class HeadersTooLarge(Problem):
    """The head of the request is over the limit."""

    code, title = "headers_too_large", "The request's head is too large"


class ValidationFailed(Problem):
    """The body or the query is well-formed and wrong; `errors` says where."""

    code, title = "validation_failed", "The request has faults"


class WeakPassword(Problem):
    """The password is too short, too common or too easy to guess."""

    code, title = "weak_password", "The password is too weak"


class ScopeConflict(Problem):
    """The scopes asked for can't be limited to environments."""

    code, title = "scope_conflict", "The scopes conflict"


class PermissionExceedsRole(Problem):
    """A viewer can hold no more than viewer."""

    code, title = "permission_exceeds_role", "The permission goes beyond the role"


class RateLimited(Problem):
    """Too many requests in a short time; try again after `Retry-After` (RFC 6585 section 4)."""

    code, title = "rate_limited", "Too many requests"


class Internal(Problem):
    """A defect of the server; the request id finds it in the log."""

    code, title = "internal", "The server failed"


class Unavailable(Problem):
    """The database or another needed part does not answer now."""

    code, title = "unavailable", "The service is not available now"


class AuthenticatorUnavailable(Problem):
    """The authenticator of this credential does not answer; no other one is asked."""

    code, title = "authenticator_unavailable", "The authenticator is not available now"


class Overloaded(Problem):
    """Too much is waiting; try again after `Retry-After`."""

    code, title = "overloaded", "The server is overloaded"


class StorageFull(Problem):
    """The disk is full: reading goes on, writing does not."""

    code, title = "storage_full", "The storage is full"
