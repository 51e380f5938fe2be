"""Whatever clients send, a log record is one line of JSON that nobody breaks out of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.wire import calls_to, send
from tests.live import Live
from tests.process import STRONG_PASSWORD, environment, serving

FORGED = '{"level":"info","event":"forged"}'
HOSTILE = [
    f"x\n{FORGED}", f"x\r\n{FORGED}", f"x\u2028{FORGED}", f"x\x85{FORGED}", "\x1b[2J\x1b[31mred",
    "\x07\x08\x7f", '","event":"forged","x":"', "\u202eforged", "\x00", "é\udcff", "%0a%0d", "😀",
]  # fmt: skip


@pytest.fixture
async def lines(tmp_path: Path) -> list[str]:
    """What a server logged while it was sent hostile texts in every place."""
    env = environment(
        AGENTBOX_ADMIN_PASSWORD=STRONG_PASSWORD,
        AGENTBOX_SERVER__LOG_LEVEL="debug",
        AGENTBOX_SERVER__LOG_FORMAT="json",
    )
    with serving(tmp_path, env=env) as server:
        async with calls_to(server.url) as live:
            for text in HOSTILE:
                await _everywhere(live, text)
        server.stop()
    return server.lines


async def _everywhere(live: Live, text: str) -> None:
    json_type = {"Content-Type": "application/json"}
    for body in ({"username": text, "password": text}, {"username": "admin", text: 1}):
        data = json.dumps(body).encode()
        await live.anonymous.request("POST", "/auth/login", data=data, headers=json_type)
    raw = text.encode("utf-8", "surrogateescape")
    quoted = "".join(f"%{byte:02X}" for byte in raw)
    host, cut = "Host: localhost", raw.translate(None, b"\r\n")
    await send(live, f"GET /{quoted} HTTP/1.1", host)
    await send(live, f"GET /api/v1/users/{quoted}?search={quoted} HTTP/1.1", host)
    await send(live, b"GET /" + cut + b" HTTP/1.1", host)
    await send(live, cut.replace(b" ", b"") + b" /healthz HTTP/1.1", host)
    for header in (b"X-Request-Id", b"User-Agent", b"Authorization", b"X-API-Key", b"Referer"):
        await send(live, "GET /api/v1/auth/me HTTP/1.1", host, header + b": " + cut)
        await send(live, "GET /api/v1/auth/me HTTP/1.1", host, header + b": " + raw)


async def test_every_line_is_one_record(lines: list[str]) -> None:
    # OB-02
    records: list[Mapping[str, Any]] = [json.loads(line) for line in lines]

    assert len(records) > 100
    assert all({"time", "level", "event"} <= set(record) for record in records)
    assert not [record for record in records if record["event"] == "forged"]


async def test_no_line_holds_a_control_or_a_sign_beyond_ascii(lines: list[str]) -> None:
    # OB-02
    for line in lines:
        text = line.removesuffix("\n")
        assert text.isascii()
        assert text.isprintable()


async def test_a_record_says_who_asked_for_what(lines: list[str]) -> None:
    records = [json.loads(line) for line in lines]
    requests = [record for record in records if record["event"] == "request"]

    assert {"method", "path", "status", "ms", "address", "request_id", "route"} <= set(requests[0])
    assert not [record for record in requests if "?" in record["path"]]
    assert not [record for record in records if "traceback" in json.dumps(record).lower()]
