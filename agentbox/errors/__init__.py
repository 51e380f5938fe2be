"""Everything agentbox raises on purpose.

```
AgentboxError
├── StartError                     the process must not start
│   ├── ConfigurationError         settings; carries every fault found
│   ├── PluginError                a plugin is missing, broken or wrong
│   └── SchemaError                the database is not at this program's schema
├── StorageError                   a backend failed; clients see Unavailable or StorageFull
├── InvalidCredential              an authenticator: mine, and it does not hold
│   └── ExpiredCredential          … it only ran out; everything else about it holds
├── LoginFailed                    a login method: mine, and it is wrong
├── OutboundFailed                 another server could not be asked
└── Problem                        what a client is told (RFC 9457); one class per code
```

A `Problem` has a stable `code` and a `title`; its status stands in `agentbox.web.errors` alone.
"""

from __future__ import annotations

from agentbox.errors.parts import (
    ExpiredCredential,
    InvalidCredential,
    LoginFailed,
    OutboundFailed,
    StorageError,
)
from agentbox.errors.problems import (
    AuthenticatorUnavailable,
    Conflict,
    FieldFault,
    HeadersTooLarge,
    InsufficientPermission,
    InsufficientRank,
    InsufficientRole,
    InsufficientScope,
    InsufficientUserAuthentication,
    Internal,
    InvalidCredentials,
    InvalidCursor,
    InvalidGrant,
    InvalidPassword,
    InvalidRequest,
    InvalidToken,
    LastOwner,
    LastSuperAdmin,
    LoginIncomplete,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    PasswordChangeRequired,
    PayloadTooLarge,
    PermissionExceedsOwn,
    PermissionExceedsRole,
    Problem,
    RateLimited,
    Refusal,
    ScopeConflict,
    ScopeExceedsOwn,
    SelfForbidden,
    SessionRequired,
    StorageFull,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
    WeakPassword,
)
from agentbox.errors.root import (
    AgentboxError,
)
from agentbox.errors.start import (
    ConfigurationError,
    PluginError,
    SchemaError,
    StartError,
)

__all__ = [
    "AgentboxError",
    "AuthenticatorUnavailable",
    "ConfigurationError",
    "Conflict",
    "ExpiredCredential",
    "FieldFault",
    "HeadersTooLarge",
    "InsufficientPermission",
    "InsufficientRank",
    "InsufficientRole",
    "InsufficientScope",
    "InsufficientUserAuthentication",
    "Internal",
    "InvalidCredential",
    "InvalidCredentials",
    "InvalidCursor",
    "InvalidGrant",
    "InvalidPassword",
    "InvalidRequest",
    "InvalidToken",
    "LastOwner",
    "LastSuperAdmin",
    "LoginFailed",
    "LoginIncomplete",
    "MalformedBody",
    "MethodNotAllowed",
    "NotFound",
    "OutboundFailed",
    "Overloaded",
    "PasswordChangeRequired",
    "PayloadTooLarge",
    "PermissionExceedsOwn",
    "PermissionExceedsRole",
    "PluginError",
    "Problem",
    "RateLimited",
    "Refusal",
    "SchemaError",
    "ScopeConflict",
    "ScopeExceedsOwn",
    "SelfForbidden",
    "SessionRequired",
    "StartError",
    "StorageError",
    "StorageFull",
    "Unauthorized",
    "Unavailable",
    "UnsupportedMediaType",
    "ValidationFailed",
    "WeakPassword",
]
