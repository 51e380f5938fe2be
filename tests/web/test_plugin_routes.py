"""Routes of plugins: whatever a handler does, its request is answered and the server lives on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog.testing

from agentbox.core.counters import Counters
from agentbox.core.start.plugin_routes import isolated
from agentbox.errors import AuthenticatorUnavailable, Conflict, InvalidCredential, StorageError
from agentbox.model.access.route import PUBLIC
from agentbox.plugin.routes import Handler, Route, RouteRequest, RouteResponse
from tests.core.world import ManualClock
from tests.web.live import RawAnswer, serving
from tests.web.stub import Echo, Page, row

RAISED = [
    *(SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()),
    *(ValueError("canary"), RecursionError(), MemoryError(), InvalidCredential("canary")),
]


def raising(error: BaseException) -> Handler:
    async def handler(request: RouteRequest[Any, Any]) -> Echo:
        raise error

    return handler


def giving(answer: Any) -> Handler:
    async def handler(request: RouteRequest[Any, Any]) -> Any:
        return answer

    return handler


def plugin_routes(handler: Handler, counters: Counters | None = None, **more: Any) -> list[Route]:
    route = row("GET", "/api/v1/x/ex/thing", handler, PUBLIC)
    return isolated([("ex", route)], ManualClock(), counters or Counters(), **more)


async def ask(routes: list[Route], times: int = 1) -> list[RawAnswer]:
    """The answers of a plugin's route, and last the one of another route of that server."""
    async with serving(routes=routes) as live:
        answers = [await live.ask("GET", "/api/v1/x/ex/thing") for _ in range(times)]
        return [*answers, await live.ask("GET", "/public")]


@pytest.mark.parametrize("error", RAISED, ids=repr)
async def test_whatever_a_handler_raises_is_500_and_the_server_lives_on(
    error: BaseException,
) -> None:
    broken, after = await ask(plugin_routes(raising(error)))

    assert (broken.status, broken.json["error"], after.status) == (500, "internal", 200)
    assert b"canary" not in broken.body


async def test_a_handler_that_hangs_ends_at_its_deadline() -> None:
    async def hang(request: RouteRequest[Any, Any]) -> Echo:
        await asyncio.Event().wait()
        return Echo()

    broken, _ = await ask(plugin_routes(hang, deadline=0.01))

    assert broken.status == 500


async def test_a_broken_handler_is_counted_under_its_plugins_name() -> None:
    counters = Counters()

    await ask(plugin_routes(raising(SystemExit()), counters))

    assert counters.value("plugin_failures.ex") == 1


async def test_the_log_names_plugin_route_and_request() -> None:
    with structlog.testing.capture_logs() as lines:
        broken, _ = await ask(plugin_routes(raising(SystemExit())))

    failed, request = lines
    assert (failed["event"], failed["plugin"]) == ("plugin_failed", "ex")
    assert request["detail"] == "GET /api/v1/x/ex/thing of plugin 'ex'"
    assert (request["cause"], request["request_id"]) == ("SystemExit", broken.json["request_id"])


async def test_one_who_can_break_a_handler_can_not_shut_the_route_for_others() -> None:
    asked: list[str] = []

    async def handler(request: RouteRequest[Any, Any]) -> Echo:
        asked.append(request.request_id)
        raise ValueError

    await ask(plugin_routes(handler), times=7)

    assert len(asked) == 7


@pytest.mark.parametrize(
    ("error", "status"),
    [(Conflict("Taken."), 409), (AuthenticatorUnavailable(), 503), (StorageError("gone"), 503)],
    ids=repr,
)
async def test_problems_and_storage_errors_are_told_as_they_are(
    error: BaseException, status: int
) -> None:
    told, _ = await ask(plugin_routes(raising(error)))

    assert told.status == status


async def test_an_answer_of_the_stated_type_is_sent() -> None:
    fine, _ = await ask(plugin_routes(giving(Echo(user="alice"))))

    assert (fine.status, fine.json["user"]) == (200, "alice")


@pytest.mark.parametrize("answer", [None, {"user": "alice"}, "text", 7, Page(), Echo], ids=repr)
async def test_an_answer_of_another_type_than_stated_is_500(answer: object) -> None:
    broken, after = await ask(plugin_routes(giving(answer)))

    assert (broken.status, after.status) == (500, 200)


async def test_a_body_of_another_type_in_a_response_is_500() -> None:
    broken, _ = await ask(plugin_routes(giving(RouteResponse(body=Page(), status=201))))

    assert broken.status == 500


async def test_an_answer_of_another_type_is_logged_with_route_and_types() -> None:
    with structlog.testing.capture_logs() as lines:
        await ask(plugin_routes(giving(Page())))

    assert [line["detail"] for line in lines] == [
        "GET /api/v1/x/ex/thing: the handler gave Page, its route states Echo"
    ]


async def test_the_path_is_a_plain_dict() -> None:
    kinds: list[type] = []

    async def handler(request: RouteRequest[Any, Any]) -> Echo:
        kinds.append(type(request.path))
        return Echo(path=dict(request.path))

    async with serving(routes=[row("GET", "/things/{thing_id}", handler, PUBLIC)]) as live:
        answer = await live.ask("GET", "/things/7")

    assert (kinds, answer.json["path"]) == ([dict], {"thing_id": "7"})
