"""Query strings and paths."""

from __future__ import annotations

import pytest

from agentbox.errors import PluginError
from agentbox.model.access.route import PUBLIC
from agentbox.web.app import create_app
from tests.web.live import Live
from tests.web.stub import Handlers, StubRuntime, row


async def test_a_query_is_read_into_its_type(live: Live) -> None:
    answer = await live.ask("GET", "/query?limit=5&on=true&search=a%20b%C3%A9&unknown=1")

    assert answer.json["query"] == {"limit": 5, "on": True, "search": "a bé"}


async def test_defaults_fill_an_absent_query(live: Live) -> None:
    answer = await live.ask("GET", "/query")

    assert answer.json["query"] == {"limit": 1000, "on": None, "search": None}


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("limit=x", ["/limit"]),
        ("limit=0", ["/limit"]),
        ("limit=1001", ["/limit"]),
        ("limit=", ["/limit"]),
        ("limit=1.5", ["/limit"]),
        ("limit=99999999999999999999999", ["/limit"]),
        ("limit=" + "9" * 5000, ["/limit"]),
        ("on=maybe", ["/on"]),
        ("on=null", ["/on"]),
        ("on=NULL", ["/on"]),
        ("limit=x&on=y", ["/limit", "/on"]),
        ("search=a%00b", ["/search"]),
    ],
)
async def test_a_wrong_value_is_422_with_its_parameter(
    live: Live, query: str, pointers: list[str]
) -> None:
    answer = await live.ask("GET", f"/query?{query}")

    assert (answer.status, answer.json["error"]) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.json["errors"]] == pointers


@pytest.mark.parametrize("path", ["/query", "/public"])
@pytest.mark.parametrize(
    "query",
    [
        "limit=1&limit=2",
        "limit=1&li%6Dit=1",
        "x=1&x=2",
        "search=%FF",
        "search=%ED%A0%80",
        "&".join(f"p{number}=1" for number in range(101)),
    ],
)
async def test_a_repeated_or_unreadable_parameter_is_400(  # IV-04, IV-05
    live: Live, path: str, query: str
) -> None:
    answer = await live.ask("GET", f"{path}?{query}")

    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_a_path_parameter_comes_decoded(live: Live) -> None:
    answer = await live.ask("GET", "/items/a%2Db_c.d~e")

    assert answer.json["path"] == {"item_id": "a-b_c.d~e"}


@pytest.mark.parametrize(
    "item",
    [
        *("a%20b", "a%00", "%C3%A9", "a%2Fb", "a:b", "a;b", "a@b", "a+b", "%ED%A0%80"),
        *(".", "..", "%2e", "x" * 129, "a%0d%0ab", "a%5Cb", "", "%25"),
    ],
)
async def test_an_id_that_is_not_url_safe_is_an_unknown_path(live: Live, item: str) -> None:
    answer = await live.ask("GET", f"/items/{item}")

    assert (answer.status, answer.json["error"]) == (404, "not_found")
    assert live.handlers.calls == 0


ALIASES = [
    "//session",
    "/./session",
    "/x/../session",
    "/session/",
    "/session/.",
    "/session;x=1",
    "/SESSION",
    "/session%2f",
    "/%2fsession",
    "/session%00",
    "/session%20",
    "/session.json",
    "/session%3Fx",
    "/session%23",
    "\\session",
]


@pytest.mark.parametrize("path", ALIASES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
async def test_no_alias_of_a_path_is_open(live: Live, method: str, path: str) -> None:  # AZ-01
    answer = await live.ask(method, path)

    assert answer.status in {400, 404}
    assert live.handlers.calls == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/session", "/%73ession", "/sessio%6E?x=1", "/session#x"])
async def test_an_equivalent_spelling_has_the_same_access(  # AZ-01
    live: Live, method: str, path: str
) -> None:
    answer = await live.ask(method, path)

    assert answer.status == 401
    assert live.handlers.calls == 0


async def test_head_is_get_without_the_body(live: Live) -> None:
    got = await live.ask("GET", "/public")
    head = await live.ask("HEAD", "/public")

    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) == len(got.body)


def test_two_routes_with_one_path_are_refused() -> None:
    handlers = Handlers()
    routes = [
        row("GET", "/things/{thing_id}", handlers.echo, PUBLIC),
        row("GET", "/things/{other_id}", handlers.echo, PUBLIC),
    ]

    with pytest.raises(PluginError, match=r"GET /things/\{other_id\}"):
        create_app(StubRuntime(), routes)
