"""What hooks return, checked item by item: a wrong value is named where it came from."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from agentbox.loader.inspection import is_options
from agentbox.loader.isolation import shown
from agentbox.loader.retention import retention_faults
from agentbox.loader.schedules import schedule_faults
from agentbox.model.access.route import ENVIRONMENT_ID, Access
from agentbox.model.access.scopes import SCOPES, is_plugin_scope
from agentbox.plugin import (
    AuthenticatorType,
    Job,
    MetricSinkType,
    MetricSourceType,
    MigrationFolder,
    PolicyType,
    Route,
    StorageType,
)

T = TypeVar("T")

Descriptor = AuthenticatorType | StorageType | PolicyType | MetricSourceType | MetricSinkType

MOUNT = "/api/v1/x/"
"""Under `/api/v1/x/<entry point>` a plugin's routes are found."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TYPE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_JOB_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}(-[a-z0-9_]+)*")
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*|\{[a-z_]+\}")


def listed(value: object, kind: type[T]) -> tuple[list[T], list[str]]:
    """The items of `value` that are of `kind`, and one sentence for all that is not."""
    name = kind.__name__
    if isinstance(value, kind):
        return [], [f"it returned one {name} by itself. Return a list: `[…]`."]
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return [], [f"it returned {shown(value)}. Return a list of {name}, `[]` for none."]
    good = [item for item in value if isinstance(item, kind)]
    faults = []
    for item in value:
        if isinstance(item, type) and issubclass(item, kind):
            faults.append(f"it returned the class {item.__name__}. Return an instance of it.")
        elif not isinstance(item, kind):
            faults.append(f"it returned {shown(item)} in its list. Return only {name}.")
    return good, faults


def type_faults(item: Descriptor) -> Iterator[str]:
    """What is wrong with a descriptor; Structs don't check what they are made with."""
    what = type(item).__name__
    if not isinstance(item.name, str) or _TYPE_NAME.fullmatch(item.name) is None:
        yield (
            f"a {what} has the name {shown(item.name)}. Begin with a lower-case letter and go on "
            f"with lower-case letters, digits, `-` and `_`."
        )
    if not is_options(item.options):
        yield (
            f"the {what} {shown(item.name)} has the options {shown(item.options)}. State a class "
            f"that is made from agentbox.plugin.Options."
        )
    maker = "create" if isinstance(item, StorageType) else "open"
    if not callable(getattr(item, maker)):
        yield (
            f"the {what} {shown(item.name)} has {maker}={shown(getattr(item, maker))}. "
            f"Give a callable that takes the services."
        )


def folder_faults(plugin: str, folder: MigrationFolder) -> Iterator[str]:
    """What is wrong with a folder of migrations."""
    if folder.plugin != plugin:
        yield (
            f"a MigrationFolder says plugin={shown(folder.plugin)}. Write the name of the entry "
            f"point, {plugin!r}."
        )
    if not any(folder.path.glob("*.sql")):
        yield (
            f"there is no migration in {folder.path}. Check the path, and that the files are "
            f"part of the wheel."
        )
    yield from retention_faults(folder)


def job_faults(plugin: str, job: Job) -> Iterator[str]:
    """What is wrong with a job."""
    name = getattr(job, "name", None)
    own = isinstance(name, str) and _JOB_NAME.fullmatch(name) is not None
    if not own or str(name).partition("-")[0] != plugin:
        yield (
            f"a job is named {shown(name)}. Write `{plugin}-<word>`, so that no other plugin's "
            f"job has that name."
        )
    for fault in schedule_faults(job):
        yield f"the job {shown(name)} has {fault}"
    if not inspect.iscoroutinefunction(job.run):
        yield f"the job {shown(name)} has a `run` that is not `async def`. Make it one."


def route_faults(plugin: str, route: Route) -> Iterator[str]:
    """What is wrong with a plugin's route."""
    where = f"the route {shown(route.method)} {shown(route.path)}"
    for test, remedy in _ROUTE_RULES:
        if not test(route):
            yield f"{where} {remedy}"
    if isinstance(route.access, Access):
        for scope in route.access.scopes:
            if not _may_ask_for(plugin, scope):
                yield (
                    f"{where} asks for the scope {shown(scope)}. Use one of agentbox's own "
                    f"scopes, or `{plugin}:<action>`."
                )


def scope_faults(routes: Sequence[Route]) -> Iterator[str]:
    """A plugin's scope has one lowest role, which its routes state; one sentence for each that
    has two."""
    first: dict[str, Route] = {}
    for route in routes:
        for scope in filter(is_plugin_scope, route.access.scopes):
            other = first.setdefault(scope, route)
            if other.access.min_role is not route.access.min_role:
                yield (
                    f"its scope {scope!r} is for {other.access.min_role} and above with "
                    f"{other.method} {other.path}, and for {route.access.min_role} and above with "
                    f"{route.method} {route.path}. State one min_role, or use two scopes."
                )


def route_shape(route: Route) -> str:
    """What makes two routes the same: method, and path whatever its parameters are called."""
    return f"{route.method} " + re.sub(r"\{[^}]*\}", "{}", route.path)


def _may_ask_for(plugin: str, scope: object) -> bool:
    if not isinstance(scope, str):
        return False
    own = scope.startswith(f"{plugin}:") and is_plugin_scope(scope)
    return own or scope in SCOPES


def _is_path(path: object) -> bool:
    if not isinstance(path, str) or not path.startswith("/"):
        return False
    segments = path[1:].split("/")
    parameters = [segment for segment in segments if segment.startswith("{")]
    return all(_SEGMENT.fullmatch(s) for s in segments) and len(set(parameters)) == len(parameters)


def _is_async(handler: object) -> bool:
    call = getattr(handler, "__call__", None)  # noqa: B004 - objects with an async __call__ too
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)


def _is_other_status(value: object) -> bool:
    return isinstance(value, int) and 200 <= value < 400


def _is_struct(value: object) -> bool:
    return value is None or (isinstance(value, type) and issubclass(value, Struct))


_ROUTE_RULES: tuple[tuple[Callable[[Route], bool], str], ...] = (
    (lambda r: r.method in _METHODS, f"has no such method. Use one of {', '.join(_METHODS)}."),
    (
        lambda r: _is_path(r.path),
        "has no proper path. Begin with `/`, go on with letters, digits and `-._~`, put "
        "parameters in braces, and end without `/`.",
    ),
    (
        lambda r: isinstance(r.access, Access),
        "states no access. Give an Access of agentbox.model.access.route.",
    ),
    (
        lambda r: (
            getattr(r.access, "environment", None) is None
            or f"{{{ENVIRONMENT_ID}}}" in str(r.path).split("/")
        ),
        "asks for a permission on an environment and names none. Put the parameter "
        "`{environment_id}` into its path.",
    ),
    (lambda r: _is_async(r.handler), "has a handler that is not `async def`. Make it one."),
    (
        lambda r: isinstance(r.summary, str) and bool(r.summary.strip()),
        "has no summary. Write one sentence; it is shown in the API document.",
    ),
    (
        lambda r: _is_struct(r.body) and _is_struct(r.query) and _is_struct(r.response),
        "has a body, query or response that is not a msgspec Struct. State the class itself.",
    ),
    (
        lambda r: isinstance(r.status, int) and 200 <= r.status < 300,
        "has a status that is no success. Give one from 200 to 299; raise problems for others.",
    ),
    (
        lambda r: isinstance(r.also, tuple) and all(_is_other_status(each) for each in r.also),
        "has further statuses that are no success. Give them from 200 to 399.",
    ),
    (lambda r: not r.probe, "is a probe. Only agentbox's own probes answer to any Host."),
)
