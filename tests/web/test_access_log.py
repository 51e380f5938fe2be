"""Access lines: who asked what, and never a query string, a header or a body."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from agentbox.core.logs import LogHandle, configure
from tests.web.live import serving
from tests.web.stub import settings

Ask = tuple[str, str, list[tuple[str, str]]]


async def lines_of(*asked: Ask, raw: bytes = b"") -> list[dict[str, Any]]:
    """The lines of these requests."""
    stream = io.StringIO()
    handle: LogHandle = configure(settings(), stream)
    try:
        async with serving(access_log=handle) as live:
            for method, path, headers in asked:
                await live.ask(method, path, headers=headers)
            if raw:
                await live.send(raw, close=True)
    finally:
        handle.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_line_says_who_asked_what_and_how_it_went() -> None:
    [line] = await lines_of(
        ("GET", "/users/u2", [("Authorization", "Bearer session"), ("X-Request-Id", "r-1")])
    )

    assert line.pop("time").endswith("Z")
    assert line.pop("ms") >= 0
    assert line == {
        "level": "info",
        "event": "request",
        "method": "GET",
        "path": "/users/u2",
        "route": "/users/{user_id}",
        "status": 200,
        "address": "127.0.0.1",
        "request_id": "r-1",
        "user": "u1",
        "credential": "session:c1",
    }


async def test_every_answer_has_a_line_also_to_what_is_no_request() -> None:
    lines = await lines_of(
        ("GET", "/public", []), ("GET", "/nowhere", []), ("GET", "/fail", []), raw=b"BAD\r\n\r\n"
    )

    assert [line["status"] for line in lines if line["event"] == "request"] == [200, 404, 500, 400]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/public?code=canary&state=canary", []),
        ("/any", [("Authorization", "Bearer canary")]),
        ("/any", [("X-API-Key", "canary")]),
        ("/any", [("Authorization", "Basic canary"), ("X-API-Key", "canary")]),
        ("/public", [("Cookie", "session=canary"), ("User-Agent", "canary")]),
        ("/public", [("X-Request-Id", "canary canary")]),
    ],
)
async def test_no_secret_of_a_request_is_in_its_line(  # OB-01
    path: str, headers: list[tuple[str, str]]
) -> None:
    [line] = await lines_of(("GET", path, headers))

    assert "canary" not in json.dumps(line)


async def test_a_hostile_path_stays_in_its_line_and_is_cut() -> None:  # OB-02
    [first, second] = await lines_of(("GET", "/a%0a%1b%5B31m\x7f", []), ("GET", "/x" * 2500, []))

    assert "\x7f" not in first.get("path", "")
    assert len(second["path"]) == 512


async def test_no_line_is_written_where_none_is_wanted() -> None:
    stream = io.StringIO()
    handle = configure(settings(), stream)
    async with serving(access_log=None) as live:
        await live.ask("GET", "/public")
    handle.close()

    assert stream.getvalue() == ""
