"""Which form of an answer a client gets (RFC 9110 section 12.5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from msgspec import Struct

from agentbox.model.access.route import PUBLIC
from agentbox.plugin.routes import Route, RouteRequest, RouteResponse
from agentbox.web.openapi import document
from agentbox.web.typed.accept import preferred
from tests.web.live import Live, serving

JSON, CSV = "application/json", "text/csv"


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ([], JSON),
        (["*/*"], JSON),
        ([""], JSON),
        ([JSON], JSON),
        ([CSV], CSV),
        (["TEXT/CSV"], CSV),
        (["text/*"], CSV),
        (["text/csv;q=0.1"], CSV),
        (["text/csv; charset=utf-8; header=present"], CSV),
        # Of equals the first that is offered, whatever the client names first.
        (["text/csv, application/json"], JSON),
        (["text/csv, */*"], JSON),
        (["text/csv, */*;q=0.1"], CSV),
        (["text/csv;q=0.5, application/json;q=0.4"], CSV),
        (["application/json;q=0.4", "text/csv;q=0.5"], CSV),
        (["text/csv;q=0.5,application/json"], JSON),
        (["application/*;q=0.2, text/*;q=0.3"], CSV),
        # The most exact range counts, not the greatest.
        (["text/csv;q=0.1, text/*;q=0.9, application/json;q=0.5"], JSON),
        (["*/*, application/json;q=0.5"], CSV),
        (["*/*;q=0.9, text/csv;q=0"], JSON),
        (["application/json;q=0, */*"], CSV),
        # What a browser sends.
        (["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], JSON),
        # Nothing that there is: a client that gets something has more of it than of a 406.
        (["text/html"], JSON),
        (["application/json;q=0, text/csv;q=0"], JSON),
        # What can't be read is passed over.
        (["text/csv;q=2, application/json;q=0.1"], JSON),
        (["text/csv;q=x"], JSON),
        (["text/csv;q="], JSON),
        (["text"], JSON),
        (["/csv"], JSON),
        (["*/csv"], JSON),
        (["text/csv/x"], JSON),
        (["text/csv \t;\tq=0.5 , application/json;q=0.4"], CSV),
        ([",,, text/csv,"], CSV),
    ],
)
def test_the_form_is_the_one_that_is_wanted_most(headers: list[str], wanted: str) -> None:
    assert preferred(headers, [JSON, CSV]) == wanted


class Words(Struct, frozen=True):
    words: list[str]


async def words(request: RouteRequest[None, None]) -> Words:
    return Words(["a", "b"])


async def as_it_is(request: RouteRequest[None, None]) -> RouteResponse:
    return RouteResponse(body=Words(["as it is"]))


def in_csv(answer: Words) -> bytes:
    return "".join(f"{word}\r\n" for word in answer.words).encode()


def route(path: str, handler: object, **more: object) -> Route:
    return Route(  # type: ignore[arg-type]
        method="GET",
        path=path,
        access=PUBLIC,
        handler=handler,
        summary="Words",
        response=Words,
        **more,
    )


def in_pieces(answer: Words) -> Iterator[bytes]:
    return (f"{word}\r\n".encode() for word in answer.words)


def breaking_off(answer: Words) -> Iterator[bytes]:
    yield from in_pieces(answer)
    raise RuntimeError("canary-in-a-message")


FORMS = {"text/csv; charset=utf-8; header=absent": in_csv}


def broken(answer: Words) -> bytes:
    raise RuntimeError("canary-in-a-message")


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    routes = [
        route("/api/v1/words", words, representations=FORMS),
        route("/api/v1/as-it-is", as_it_is, representations=FORMS),
        route("/api/v1/plain", words),
        route("/api/v1/broken", words, representations={"text/csv": broken}),
        route("/api/v1/pieces", words, representations={"text/csv": in_pieces}),
        route("/api/v1/breaking-off", words, representations={"text/csv": breaking_off}),
    ]
    async with serving(routes=routes) as running:
        yield running


async def test_a_route_answers_in_the_form_that_is_wanted(live: Live) -> None:
    answer = await live.ask("GET", "/api/v1/words", headers=[("Accept", "text/csv")])

    assert answer.body == b"a\r\nb\r\n"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=absent"
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_it_says_so_where_the_form_depends_on_the_request(live: Live) -> None:
    in_json = await live.ask("GET", "/api/v1/words", headers=[("Accept", "*/*")])
    plain = await live.ask("GET", "/api/v1/plain", headers=[("Accept", "text/csv")])

    assert in_json.json == plain.json == {"words": ["a", "b"]}
    assert in_json.headers["vary"] == "Accept"
    assert "vary" not in plain.headers


async def test_two_lines_of_accept_are_one_list(live: Live) -> None:
    headers = [("Accept", "application/json;q=0.1"), ("Accept", "text/csv")]

    answer = await live.ask("GET", "/api/v1/words", headers=headers)

    assert answer.headers["content-type"].startswith("text/csv")


async def test_a_head_tells_of_the_same_form(live: Live) -> None:
    answer = await live.ask("HEAD", "/api/v1/words", headers=[("Accept", "text/csv")])

    assert answer.headers["content-type"].startswith("text/csv")


async def test_an_answer_of_its_own_is_sent_as_it_is(live: Live) -> None:
    answer = await live.ask("GET", "/api/v1/as-it-is", headers=[("Accept", "text/csv")])

    assert answer.json == {"words": ["as it is"]}


async def test_a_problem_stays_a_problem(live: Live) -> None:
    answer = await live.ask("GET", "/api/v1/words?a=1&a=2", headers=[("Accept", "text/csv")])

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/broken", "/api/v1/breaking-off"])
async def test_a_form_that_can_not_be_made_fails_that_request_alone(live: Live, path: str) -> None:
    answer = await live.ask("GET", path, headers=[("Accept", "text/csv")])

    assert (answer.status, answer.json["error"]) == (500, "internal")
    assert b"canary" not in answer.body
    assert (await live.ask("GET", path)).status == 200


async def test_a_form_in_pieces_is_sent_whole(live: Live) -> None:
    answer = await live.ask("GET", "/api/v1/pieces", headers=[("Accept", "text/csv")])

    assert answer.body == b"a\r\nb\r\n"
    assert answer.headers["content-length"] == "6"


async def test_between_two_pieces_of_a_form_others_have_a_turn() -> None:
    turns, seen = 0, []

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def looking(answer: Words) -> Iterator[bytes]:
        for piece in in_pieces(answer):
            seen.append(turns)
            yield piece

    routes = [route("/api/v1/pieces", words, representations={"text/csv": looking})]
    async with serving(routes=routes) as live:
        waiting = asyncio.create_task(other())
        await live.ask("GET", "/api/v1/pieces", headers=[("Accept", "text/csv")])
        waiting.cancel()

    first, second = seen
    assert second == first + 1


async def test_the_document_names_every_form() -> None:
    routes = [route("/api/v1/words", words, representations=FORMS)]

    content = document(routes)["paths"]["/api/v1/words"]["get"]["responses"]["200"]["content"]

    assert set(content) == {"application/json", "text/csv"}
