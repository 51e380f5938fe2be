"""kill -9 while environments report: what was answered is there."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from pathlib import Path

import aiohttp
import pytest

from agentbox.model.ids import new_id
from tests.backend import database_in
from tests.e2e.people import Template
from tests.process import serving
from tests.scale import scaled

REPORTERS = 12


class Reporter:
    """Says one more each time it is answered, on a connection of its own, until that breaks."""

    def __init__(self, environment_id: str) -> None:
        self.environment_id = environment_id
        self.answered = 0
        self.status = "pending"

    async def report(self, session: aiohttp.ClientSession) -> None:
        path = f"/api/v1/environments/{self.environment_id}/report"
        while True:
            number = self.answered + 1
            # Now and then a change, which goes another way than mere reports.
            status = "running" if number % 10 < 5 else "failed"
            body = {"sandboxes": number, "status": status}
            try:
                async with session.post(path, json=body) as answer:
                    assert answer.status == 204, await answer.text()
            except (aiohttp.ClientConnectionError, aiohttp.ServerDisconnectedError):
                return
            self.answered, self.status = number, status


@pytest.fixture
def folder(template: Template, tmp_path: Path) -> Path:
    template.copy_to(tmp_path)
    return tmp_path


async def test_nothing_that_was_answered_is_lost(  # ST-01
    template: Template, folder: Path
) -> None:
    headers = {"Authorization": f"Bearer {template.seeds['user'].token}"}
    reporters: list[Reporter] = []
    for _ in range(scaled(2)):
        with serving(folder) as server:
            async with aiohttp.ClientSession(server.url, headers=headers) as session:
                if not reporters:  # a user has a hundred environments at most
                    reporters = [Reporter(await register(session)) for _ in range(REPORTERS)]
                enough = answered_by(reporters) + 25 * REPORTERS
                tasks = [asyncio.create_task(each.report(session)) for each in reporters]
                async with asyncio.timeout(60):
                    while answered_by(reporters) < enough:
                        await asyncio.sleep(0.01)
                server.process.send_signal(signal.SIGKILL)
                await asyncio.gather(*tasks)
            server.wait()
        await require_kept(folder, reporters)
    print(f"{answered_by(reporters)} answered reports, all of them there")


def answered_by(reporters: Iterable[Reporter]) -> int:
    return sum(each.answered for each in reporters)


async def register(session: aiohttp.ClientSession) -> str:
    body = {"name": f"box {new_id()}"}
    async with session.post("/api/v1/environments", json=body) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def require_kept(folder: Path, reporters: list[Reporter]) -> None:
    """The last that was answered of each, or the one after it, which was on its way."""
    storage = database_in(folder).storage()
    async with storage.open(), storage.transaction(read_only=True) as tx:
        reports = await tx.reports.get([each.environment_id for each in reporters])
        for each in reporters:
            assert each.answered > 0
            report = reports[each.environment_id]
            assert report.sandboxes in {each.answered, each.answered + 1}
            if report.sandboxes == each.answered:
                seen = await tx.environments.get(each.environment_id, "")
                assert seen is not None
                assert seen.environment.status == each.status
