"""Probes stay quick: they wait for no hash, and the one of life asks nothing of the database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests import live as live_module
from tests.e2e.people import Template
from tests.e2e.web.statements import noting
from tests.live import USER_PASSWORD, Live, live_server

LOGINS = 24
PROBES = ("/healthz", "/readyz", "/api/v1/health")


async def test_probes_are_answered_while_logins_wait_for_their_turn(live: Live) -> None:
    # OP-05: counted, not timed: every probe is back before the hashes that were asked for earlier.
    login = {"username": "user.person", "password": USER_PASSWORD}
    logins = [asyncio.create_task(live.anonymous.post("/auth/login", login)) for _ in range(LOGINS)]
    await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)

    answers = [await live.anonymous.get(path) for path in PROBES]

    waiting = [task for task in logins if not task.done()]
    assert {answer.status for answer in answers} == {200}
    assert waiting
    # 503 `overloaded` where the queue is full, 429 where logins are throttled.
    assert {task.result().status for task in (await asyncio.wait(logins))[0]} <= {200, 429, 503}


async def test_being_alive_asks_nothing_of_the_database_and_being_ready_little(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # OP-05
    template.copy_to(tmp_path)
    table = live_module.route_table
    with noting(monkeypatch) as statements:
        monkeypatch.setattr(
            live_module,
            "route_table",
            lambda runtime: [statements.counted(route) for route in table(runtime)],
        )
        async with live_server(tmp_path) as live:
            for path in PROBES:
                assert (await live.anonymous.get(path)).status == 200
    sent = {path: len(statements.by_route[f"GET {path}"]) for path in PROBES}
    assert sent == {"/healthz": 0, "/readyz": 2, "/api/v1/health": 2}


class Broken:
    """An issuer that a plugin's author got wrong."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def __call__(self) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize("answer", [False, None, RuntimeError("secret detail")], ids=repr)
async def test_a_plugin_that_can_not_mint_makes_the_server_not_ready(
    live: Live, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    # OP-05: readiness covers plugins.
    issuer = live.runtime.abilities.issuer
    assert issuer is not None
    monkeypatch.setattr(issuer.opened, "ready", Broken(answer))

    told = await live.anonymous.get("/readyz")

    assert (told.status, told.error) == (503, "unavailable")
    assert "detail" not in told.body["detail"]
    assert (await live.anonymous.get("/healthz")).status == 200
