"""The route table: every route of ours, what it asks of its caller, and its types."""

from __future__ import annotations

from collections.abc import Sequence

from agentbox.core.runtime import Runtime
from agentbox.plugin.routes import Route
from agentbox.web.exposition.page import page_routes
from agentbox.web.handlers.access import AccessHandlers
from agentbox.web.handlers.api_keys import ApiKeyHandlers
from agentbox.web.handlers.audit import AuditHandlers
from agentbox.web.handlers.auth import AuthHandlers
from agentbox.web.handlers.environments import EnvironmentHandlers
from agentbox.web.handlers.identities import IdentityHandlers
from agentbox.web.handlers.jobs import JobHandlers
from agentbox.web.handlers.permissions import PermissionHandlers
from agentbox.web.handlers.sessions import SessionHandlers
from agentbox.web.handlers.system import SystemHandlers
from agentbox.web.handlers.users import UserHandlers
from agentbox.web.routes.access import access_routes
from agentbox.web.routes.api_keys import api_key_routes
from agentbox.web.routes.audit import audit_routes
from agentbox.web.routes.auth import auth_routes
from agentbox.web.routes.environments import environment_routes
from agentbox.web.routes.identities import identity_routes
from agentbox.web.routes.jobs import job_routes
from agentbox.web.routes.permissions import permission_routes
from agentbox.web.routes.place import API
from agentbox.web.routes.sessions import session_routes
from agentbox.web.routes.system import system_routes
from agentbox.web.routes.users import user_routes

__all__ = ["API", "core_routes", "route_table"]


def route_table(runtime: Runtime) -> Sequence[Route]:
    """Ours and the plugins'; the server adds the documents made from them."""
    return [*core_routes(runtime), *page_routes(runtime), *runtime.plugin_routes]


def core_routes(runtime: Runtime) -> Sequence[Route]:
    """Our own rows."""
    return [
        *auth_routes(AuthHandlers(runtime)),
        *identity_routes(IdentityHandlers(runtime)),
        *session_routes(SessionHandlers(runtime)),
        *user_routes(UserHandlers(runtime)),
        *environment_routes(EnvironmentHandlers(runtime)),
        *permission_routes(PermissionHandlers(runtime)),
        *api_key_routes(ApiKeyHandlers(runtime)),
        *access_routes(AccessHandlers(runtime)),
        *audit_routes(AuditHandlers(runtime)),
        *system_routes(SystemHandlers(runtime)),
        *job_routes(JobHandlers(runtime)),
    ]
