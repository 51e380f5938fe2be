"""`GET /api/v1/x/example/hello` and `…/hello/{environment_id}`"""

from __future__ import annotations

from msgspec import Struct

from agentbox.model.access.roles import Permission
from agentbox.model.access.route import scoped
from agentbox.plugin import Route, RouteRequest, Services
from agentbox_example.opening_day import OPENING_DAY


class Greeting(Struct, frozen=True, omit_defaults=True):
    """What the route answers; `open_since` once the job has run."""

    message: str
    open_since: str | None = None


def hello_route(services: Services) -> Route:
    """A row of the server's route table."""

    async def hello(request: RouteRequest[None, None]) -> Greeting:
        async with services.storage.transaction(read_only=True) as tx:
            since = await tx.markers.get(OPENING_DAY)
        name = request.principal.user.username
        return Greeting(f"{services.options.greeting}, {name}!", since)

    return Route(
        method="GET",
        path="/hello",
        access=scoped("example:greet"),
        handler=hello,
        summary="Be greeted by name",
        response=Greeting,
    )


def door_route(services: Services) -> Route:
    """One that asks for a permission on an environment: the server looks it up before the call."""

    async def door(request: RouteRequest[None, None]) -> Greeting:
        where = request.path["environment_id"]
        return Greeting(f"{services.options.greeting}, come in to {where}!")

    return Route(
        method="GET",
        path="/hello/{environment_id}",
        access=scoped("example:greet", environment=Permission.EDITOR),
        handler=door,
        summary="Be let into an environment",
        response=Greeting,
    )
