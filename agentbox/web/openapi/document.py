"""OpenAPI 3.1 from the route table."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

from agentbox import errors
from agentbox.errors import Problem
from agentbox.model.access.roles import Role
from agentbox.plugin.routes import Route
from agentbox.web.errors import status_of
from agentbox.web.openapi.schemas import ProblemDetails, Schemas

API_VERSION: Final = "1"
"""The version of the HTTP API, not of the program, which nobody needs to know."""

_PARAMETER: Final = re.compile(r"\{([a-z_]+)\}")
_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token or an API key.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_REQUEST_ID: Final = {
    "X-Request-Id": {
        "description": "The id of this request in the log.",
        "schema": {"type": "string"},
    }
}
_LOCATION: Final = {
    "Location": {"description": "Where the browser goes.", "schema": {"type": "string"}}
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of all `routes` that are not hidden."""
    shown = [route for route in routes if not route.hidden]
    schemas = Schemas(shown)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    ids = _operation_ids(shown)
    for route, operation_id in zip(shown, ids, strict=True):
        paths[route.path][route.method.lower()] = {
            "operationId": operation_id,
            **_operation(route, schemas),
        }
    queries = [route.query for route in shown if route.query is not None]
    return {
        "openapi": "3.1.0",
        "info": {"title": "agentbox", "version": API_VERSION, "license": _LICENSE},
        "servers": [{"url": "/"}],
        "paths": dict(paths),
        "components": {
            "schemas": schemas.components(without=queries),
            "securitySchemes": _SCHEMES,
        },
    }


_LICENSE: Final = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _operation_ids(routes: Sequence[Route]) -> Iterator[str]:
    taken: set[str] = set()
    for route in routes:
        words = re.findall(r"[A-Za-z0-9]+", route.path.removeprefix("/api/v1"))
        wanted = name = "_".join([route.method.lower(), *words])
        number = 2
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        taken.add(name)
        yield name


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "description": _access_text(route),
        "security": _security(route),
        "responses": {**_success(route, schemas), **_problems(route, schemas)},
    }
    if route.tag:
        operation["tags"] = [route.tag]
    parameters = [*_path_parameters(route), *_query_parameters(route, schemas)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {"application/json": {"schema": schemas.reference(route.body)}},
        }
    return operation


def _access_text(route: Route) -> str:
    access = route.access
    if access.kind == "public":
        return "Public; credentials are not looked at."
    texts = {"any": "Any valid credential.", "session": "A signed-in person, never an API key."}
    parts = [texts.get(access.kind, f"Scope `{access.scope}`.")]
    if access.self_scope is not None:
        parts.append(f"For one's own record the scope `{access.self_scope}` suffices.")
    if access.min_role is not Role.VIEWER:
        parts.append(f"Role {access.min_role.value} or above.")
    if access.others_role is not Role.VIEWER:
        parts.append(f"For other users than oneself role {access.others_role.value} or above.")
    if access.environment is not None:
        parts.append(f"At least the permission `{access.environment.value}` on the environment.")
    if access.fresh:
        parts.append("The sign-in must be at most ten minutes old.")
    return " ".join(parts)


def _security(route: Route) -> list[dict[str, list[str]]]:
    access = route.access
    if access.kind == "public":
        return []
    scopes = [access.scope] if access.scope is not None else []
    names = ["bearer"] if access.kind == "session" else ["bearer", "apiKey"]
    return [{name: scopes} for name in names]


def _path_parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(route.path):
        schema = {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,128}$"}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(route: Route, schemas: Schemas) -> Iterator[dict[str, Any]]:
    if route.query is None:
        return
    schema = schemas.of(route.query)
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        yield {"name": name, "in": "query", "required": name in required, "schema": member}


def _success(route: Route, schemas: Schemas) -> dict[str, Any]:
    answers = {str(status): _without_body(status) for status in (route.status, *route.also)}
    if route.response is not None:
        content = {route.content_type: {"schema": schemas.reference(route.response)}}
        for media_type in route.representations:
            content[media_type.partition(";")[0]] = {"schema": {"type": "string"}}
        answers[str(route.status)]["content"] = content
    return answers


def _without_body(status: int) -> dict[str, Any]:
    headers = _REQUEST_ID | _LOCATION if 300 <= status < 400 else _REQUEST_ID
    return {"description": HTTPStatus(status).phrase, "headers": headers}


def _problems(route: Route, schemas: Schemas) -> dict[str, Any]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for kind in dict.fromkeys(_kinds(route)):
        by_status[status_of(kind)].append(f"`{kind.code}`: {kind.title}.")
    content = {"application/problem+json": {"schema": schemas.reference(ProblemDetails)}}
    return {
        str(status): {
            "description": "\n".join(texts),
            "headers": _REQUEST_ID,
            "content": content,
        }
        for status, texts in sorted(by_status.items())
    }


def _kinds(route: Route) -> Iterator[type[Problem]]:
    """The problems that a row's own members make possible, then those it names."""
    access = route.access
    yield errors.InvalidRequest
    if access.kind != "public":
        yield from (errors.Unauthorized, errors.InvalidToken, errors.RateLimited)
        yield errors.AuthenticatorUnavailable
        if not access.allow_restricted:
            yield errors.PasswordChangeRequired
        if access.kind == "session":
            yield errors.SessionRequired
        if access.scope is not None or access.min_role is not Role.VIEWER:
            yield errors.InsufficientRole
        if access.environment is not None:
            yield errors.InsufficientPermission
        if access.scope is not None:
            yield errors.InsufficientScope
        if access.fresh:
            yield errors.InsufficientUserAuthentication
    if route.body is not None:
        yield from (errors.MalformedBody, errors.PayloadTooLarge, errors.UnsupportedMediaType)
    if route.body is not None or route.query is not None:
        yield errors.ValidationFailed
    if _PARAMETER.search(route.path):
        yield errors.NotFound
    yield from (errors.HeadersTooLarge, errors.Internal, errors.Unavailable)
    yield from route.errors
