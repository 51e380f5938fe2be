"""Wall clocks jump and differ; what counts is the database's."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.live import Caller, ShiftedClock
from tests.replicas.cluster import Replica, calling, cluster, settings
from tests.replicas.conftest import Shared
from tests.replicas.together import together

HOUR = 3600.0
# What Python runs before anything else.
AN_HOUR_AHEAD = """
import time
right, right_ns = time.time, time.time_ns
time.time = lambda: right() + 3600
time.time_ns = lambda: right_ns() + 3600 * 10**9
"""

WRONG = {"username": "ada", "password": "not-the-password-at-all"}


# SC-03: neither logs anybody out, nor revives what expired, nor resets a block
@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
async def test_a_jump_of_the_wall_clock_changes_nothing(
    fresh_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    clocks = [ShiftedClock(), ShiftedClock()]
    async with together(tmp_path, fresh_dsn, clocks=clocks) as lives:
        one = lives[0]
        await one.make_user("ada")
        await one.make_user("bob")
        expired = await one.sign_in("bob")
        for clock in clocks:
            clock.advance(16 * 60)  # a token has 15 minutes
        bob = await one.sign_in("bob")
        for number in range(10):
            await lives[number % 2].anonymous.post("/auth/login", WRONG)

        async def seen() -> list[int]:
            return [
                status
                for live in lives
                for status in (
                    (await live.with_token(token_of(bob)).get("/auth/me")).status,
                    (await live.with_token(token_of(expired)).get("/auth/me")).status,
                    (await live.anonymous.post("/auth/login", WRONG)).status,
                )
            ]

        assert await seen() == [200, 401, 429] * 2
        right = time.time
        monkeypatch.setattr(time, "time", lambda: right() + seconds)
        assert await seen() == [200, 401, 429] * 2
        for live in lives:
            await live.runtime.clock.synchronise(live.runtime.storage)
        assert await seen() == [200, 401, 429] * 2
        # It is reported, and so much of it is for others to serve.
        for live in lives:
            assert abs(live.runtime.clock.skew.total_seconds()) == pytest.approx(HOUR, abs=5)
            assert await live.runtime.not_ready() == "clock"


def token_of(caller: Caller) -> str:
    return caller.headers["Authorization"].removeprefix("Bearer ")


# SC-03: a replica whose machine is an hour ahead says so, and agrees with the others all the same
async def test_a_replica_with_a_wrong_clock_agrees_with_the_others(
    shared: Shared, replicas: list[Replica], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(AN_HOUR_AHEAD)
    env = settings(shared.postgres.dsn(shared.database), PYTHONPATH=str(tmp_path))
    with cluster(tmp_path, 1, env) as [process]:
        assert any('"clock_differs"' in line for line in process.lines)
        async with calling([process]) as [wrong]:
            for giver in (wrong, replicas[0]):
                token = token_of(await giver.admin())
                for taker in (wrong, replicas[0], replicas[1]):
                    assert (await taker.with_token(token).get("/auth/me")).status == 200
            ready = await wrong.anonymous.get("/readyz")
            assert (ready.status, ready.body["detail"]) == (503, "Not ready: clock.")
