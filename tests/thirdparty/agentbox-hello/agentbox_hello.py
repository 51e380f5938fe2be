"""`GET /api/v1/x/hello/me`"""

from msgspec import Struct

from agentbox.model.access.route import ANY
from agentbox.plugin import Route, RouteRequest, hookimpl

AGENTBOX_API = 1


class Greeting(Struct):
    message: str


async def greet(request: RouteRequest[None, None]) -> Greeting:
    return Greeting(f"Hello, {request.principal.user.username}!")


@hookimpl
def agentbox_routes() -> list[Route]:
    return [
        Route(
            method="GET", path="/me", access=ANY, handler=greet, summary="Greet", response=Greeting
        )
    ]
