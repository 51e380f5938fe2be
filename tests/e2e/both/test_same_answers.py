"""The same history on SQLite and on Postgres: nobody who asks can tell which of them it is."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from tests.backend import database_in
from tests.databases.postgres import Cluster
from tests.e2e.both.history import Historian, Step
from tests.live import USER_PASSWORD, Caller, live_server
from tests.scale import scaled

pytestmark = pytest.mark.sqlite_alone("runs on both at once")

STEPS = 250
THROTTLED = {"AGENTBOX_THROTTLE__ADDRESS": "1000000/1s", "AGENTBOX_THROTTLE__TOTAL": "1000000/1s"}

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
KEY = re.compile(r"ak_live_([0-9A-Za-z]{12})(_[0-9A-Za-z]{49})?")
# Written each second, so that it is there sooner on one side than on the other.
LAST_USED = re.compile(r'"last_used":"[^"]*",?')
CURSOR = re.compile(r'("next_cursor":)"[^"]+"')
ID = re.compile(r"(?<![0-9A-Za-z])([0-9A-Za-z]{20}|[0-9A-Za-z]{12})(?![0-9A-Za-z])")
"""Of a user or an environment, or of a key; words of our own are as long."""
OF_THE_MOMENT = {"Date", "X-Request-Id", "Content-Length", "Retry-After"}


class Side:
    """One of the two servers, with what was made there."""

    def __init__(self, callers: dict[str, Caller], key_id: str) -> None:
        self._callers = callers
        self._made: dict[str, list[str]] = {"users": [], "environments": [], "api-keys": []}
        self._keys = {key_id}
        self._seen: dict[str, str] = {}
        self._cursor = "none yet"

    async def play(self, number: int, step: Step) -> tuple[int, str, dict[str, str]]:
        """What was answered, without what is random."""
        options: dict[str, Any] = {"headers": {"X-Request-Id": f"step-{number}"}}
        if step.raw is not None:
            options["data"] = step.raw
            options["headers"]["Content-Type"] = "application/json"
        elif step.body is not None:
            options["data"] = self._fill(json.dumps(step.body)).encode()
            options["headers"]["Content-Type"] = "application/json"
        query = "&".join(
            f"{name}={_quoted(self._fill(value))}" for name, value in (step.query or {}).items()
        )
        path = "/".join(_quoted(self._fill(part)) for part in _parts(step.path))
        address = URL(f"/api/v1{path}" + (f"?{query}" if query else ""), encoded=True)
        answer = await self._callers[step.who].raw(step.method, address, **options)
        if answer.status == 201 and step.path == "/api-keys":
            self._keys.add(answer.body["id"])
        if step.makes:
            self._made[step.makes].append(answer.body["id"] if answer.status == 201 else "0" * 20)
        if isinstance(answer.body, dict) and answer.body.get("next_cursor"):
            self._cursor = answer.body["next_cursor"]
        text = self._without_chance(answer.text)
        headers = {
            name: self._without_chance(value)
            for name, value in answer.headers.items()
            if name not in OF_THE_MOMENT
        }
        return answer.status, text, headers

    def _fill(self, text: str) -> str:
        """Ids for what is called by its number."""
        text = text.replace("{cursor}", self._cursor)
        return re.sub(
            r"\{([a-z-]+)/(\d+)\}",
            lambda name: dict(enumerate(self._made[name[1]])).get(int(name[2]), "nothing"),
            text,
        )

    def _without_chance(self, text: str) -> str:
        text = LAST_USED.sub("", text)
        text = CURSOR.sub(r'\1"a cursor"', TIME.sub("a time", text))
        text = KEY.sub("a key", text)
        return ID.sub(self._named, text)

    def _named(self, found: re.Match[str]) -> str:
        if len(found[0]) == 20 or found[0] in self._keys:
            return self._seen.setdefault(found[0], f"id {len(self._seen)}")
        return found[0]


def _parts(path: str) -> list[str]:
    """Split at what is a slash of the path, and not at one of a name in braces."""
    return [part.replace("\x01", "/") for part in re.sub(
        r"\{([a-z-]+)/(\d+)\}", "{\\1\x01\\2}", path
    ).split("/")]  # fmt: skip


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


@asynccontextmanager
async def side(folder: Path, backend: str) -> AsyncIterator[Side]:
    """A server on a fresh database, with somebody of each role."""
    folder.mkdir()
    database = database_in(folder, backend)
    async with live_server(folder, database=database, environ=THROTTLED) as live:
        callers = {"first": await live.admin(), "nobody": live.anonymous}
        for role in ("viewer", "user", "admin"):
            await live.make_user(f"{role}.person", role)
            callers[role] = await live.sign_in(f"{role}.person", USER_PASSWORD)
        key, record = await live.make_key(callers["user"])
        callers["key"] = live.with_key(key)
        yield Side(callers, record["id"])


@pytest.mark.parametrize("seed", range(2))
async def test_every_answer_is_the_same_on_both(
    tmp_path: Path, private_postgres: Cluster, seed: int
) -> None:
    # IV-05, IV-08
    statuses: Counter[int] = Counter()
    async with (
        side(tmp_path / "sqlite", "sqlite") as one,
        side(tmp_path / "postgres", "postgres") as other,
    ):
        for number, step in enumerate(Historian(seed).steps(scaled(STEPS))):
            first, second = await one.play(number, step), await other.play(number, step)
            assert first == second, (number, step)
            statuses[first[0]] += 1

    assert max(statuses) < 500
    # It is a history of things that happen, not of refusals alone.
    assert {200, 201, 204, 400, 401, 403, 404, 422} <= set(statuses), statuses
    assert statuses[200] + statuses[201] + statuses[204] > scaled(STEPS) // 5, statuses
