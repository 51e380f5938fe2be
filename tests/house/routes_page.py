"""The route table of a server with the default plugins, and docs/routes.md made from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from agentbox.core.runtime import open_runtime
from agentbox.core.startup import assemble
from agentbox.model.access.roles import Role
from agentbox.model.access.route import Access
from agentbox.plugin.routes import Route
from agentbox.web.app import served_routes
from agentbox.web.routes import route_table

_HEAD = """\
# Routes

Every route of a server with the default plugins, and what it asks of its caller. The types of
bodies and answers stand in `/openapi.json`, and `/docs` of your server shows them.

| access | means |
|---|---|
| public | anybody; credentials are not looked at |
| any | any valid credential |
| session | a signed-in person, never an API key |
| `<scope>` | a credential with that scope |

The last column names the [errors](errors.md) beyond those that every route can answer.
"""


@cache
def table() -> tuple[Route, ...]:
    """Every row that a server with the default plugins answers to."""

    async def opened(folder: Path) -> tuple[Route, ...]:
        settings = {
            "AGENTBOX_DB_PATH": str(folder / "agentbox.db"),
            "AGENTBOX_ADMIN_PASSWORD": "walnut-ember-quarry-71",
        }
        async with open_runtime(assemble(None, settings, {}), serving=False) as runtime:
            return tuple(served_routes(runtime, route_table(runtime)))

    with TemporaryDirectory() as folder:
        return asyncio.run(opened(Path(folder)))


def routes_page() -> str:
    """docs/routes.md"""
    parts = [_HEAD]
    for tag, routes in groupby(table(), key=lambda route: route.tag):
        title = (tag or "documents").replace("api", "API")
        parts.append(f"\n## {title[0].upper()}{title[1:]}\n\n{_rows(routes)}")
    return "".join(parts)


def _rows(routes: Iterable[Route]) -> str:
    head = "| route | for | access | answers | errors |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {route.method} {route.path} | {route.summary} | {_access(route.access)} "
        f"| {route.status} | {', '.join(f'`{kind.code}`' for kind in route.errors)} |\n"
        for route in routes
    )


def _access(access: Access) -> str:
    words = [f"`{access.scope}`" if access.scope else access.kind]
    if access.self_scope:
        words.append(f"or `{access.self_scope}` on oneself")
    if access.min_role is not Role.VIEWER:
        words.append(f"role {access.min_role} or above")
    if access.others_role is not Role.VIEWER:
        words.append(f"for others role {access.others_role} or above")
    if access.environment is not None:
        words.append(f"{access.environment} on the environment")
    if access.fresh:
        words.append("signed in at most ten minutes ago")
    if access.allow_restricted:
        words.append("also before the password is changed")
    if access.allow_expired:
        words.append("also with a token that ran out")
    return ", ".join(words)
