"""Guesses at passwords are counted once for all replicas: 60 at once, at scale 10 it is 600."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.live import USER_PASSWORD, Live
from tests.replicas.together import together
from tests.scale import scaled

WRONG = "not-the-password-at-all"
NEW = "granite-violet-harbour-93"


def hashes(lives: list[Live]) -> int:
    return sum(live.runtime.counters.value("password.hashes") for live in lives)


# PW-08, OP-06
async def test_guesses_at_two_replicas_by_three_ways_share_one_limit(
    tmp_path: Path, fresh_dsn: str
) -> None:
    async with together(tmp_path, fresh_dsn) as lives:
        await lives[0].make_user("ada", email="ada@example.com")
        adas = [await live.sign_in("ada") for live in lives]
        before = hashes(lives)

        async def by_login(number: int) -> int:
            name = ("ada", "ADA", "ada@example.com")[number % 3]
            body = {"username": name, "password": WRONG}
            return (await lives[number % 2].anonymous.post("/auth/login", body)).status

        async def by_change(number: int) -> int:
            body = {"current_password": f"{WRONG}-{number}", "new_password": NEW}
            return (await adas[number % 2].post("/auth/change-password", body)).status

        async def again(number: int) -> int:
            body = {"password": f"{WRONG}-{number}"}
            return (await adas[number % 2].post("/auth/reauthenticate", body)).status

        ways = (by_login, by_change, again)
        got = await asyncio.gather(*(ways[number // 2 % 3](number) for number in range(scaled(60))))

        # One whose failure can't be written in time is not answered, and was hashed all the same.
        assert 1 <= hashes(lives) - before <= 10
        assert set(got) <= {401, 403, 429, 503}
        assert sum(status in {401, 403} for status in got) <= 10
        for live in lives:
            right = {"username": "ada", "password": USER_PASSWORD}
            assert (await live.anonymous.post("/auth/login", right)).status in {429, 503}


# PW-09, OP-06: what is unlocked on one is unlocked on all
async def test_an_account_is_unlocked_everywhere(tmp_path: Path, fresh_dsn: str) -> None:
    async with together(tmp_path, fresh_dsn) as (one, two):
        user = await one.make_user("ada")
        wrong = {"username": "ada", "password": WRONG}
        for number in range(11):
            answer = await (one, two)[number % 2].anonymous.post("/auth/login", wrong)
        assert answer.status == 429
        assert (await (await one.admin()).post(f"/users/{user['id']}/unlock")).status in (200, 204)

        await two.sign_in("ada")
