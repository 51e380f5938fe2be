"""JSON Schemas of the types in the route table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from agentbox.errors import PluginError
from agentbox.model.secret import Secret
from agentbox.plugin.routes import Route

_TEMPLATE = "#/components/schemas/{name}"

_Found = Mapping[type[Struct], dict[str, Any]]


class ProblemFault(Struct, frozen=True):
    """One fault of a body (a JSON Pointer into it) or of a query (`/` and the parameter)."""

    pointer: str
    detail: str


class ProblemDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every error (RFC 9457). `error` is the stable code; `message` repeats `detail`."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    message: str
    request_id: str
    errors: list[ProblemFault] = []


class Schemas:
    """The schemas of all types of `routes`, by reference.

    Raises `PluginError` for a type that has no schema.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        types = tuple(dict.fromkeys(_types(routes)))
        try:
            self._found, self._components = _schemas_of(types)
        except (TypeError, NotImplementedError) as fault:
            raise PluginError(f"A route has a type without a JSON Schema: {fault}") from fault

    def reference(self, kind: type[Struct]) -> dict[str, Any]:
        """`{"$ref": …}` to the schema of `kind`."""
        return self._found[kind]

    def of(self, kind: type[Struct]) -> dict[str, Any]:
        """The schema of `kind` itself."""
        name = self._found[kind]["$ref"].removeprefix(_TEMPLATE.format(name=""))
        schema: dict[str, Any] = self._components[name]
        return schema

    def components(self, without: Iterable[type[Struct]]) -> dict[str, Any]:
        """All schemas but those of `without`, which stand elsewhere."""
        names = {self._found[kind]["$ref"].rpartition("/")[2] for kind in without}
        return {n: s for n, s in sorted(self._components.items()) if n not in names}


# It takes longer than all else that makes an application: once for all servers of a process.
@lru_cache(maxsize=16)
def _schemas_of(types: tuple[type[Struct], ...]) -> tuple[_Found, dict[str, Any]]:
    found, components = msgspec.json.schema_components(
        types, schema_hook=_own_schema, ref_template=_TEMPLATE
    )
    return dict(zip(types, found, strict=True)), components


def _types(routes: Sequence[Route]) -> Iterable[type[Struct]]:
    yield ProblemDetails
    for route in routes:
        yield from (kind for kind in (route.body, route.query, route.response) if kind is not None)


def _own_schema(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "format": "password", "writeOnly": True}
    raise NotImplementedError(f"{kind!r}")
