"""Keys that sign are rotated on one replica, and all of them follow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from agentbox.model.formats.jose import parse
from agentbox.model.signing_keys import ANNOUNCED_FOR
from tests.live import ADMIN_PASSWORD, Caller, Live, ShiftedClock
from tests.replicas.cluster import Replica
from tests.replicas.together import together


def kid(token: str) -> str | None:
    """The id of the key that signed it."""
    return parse(token).key_id


async def published(anyone: Sequence[Replica] | Sequence[Live]) -> list[list[str]]:
    answers = [await one.anonymous.get("/.well-known/jwks.json") for one in anyone]
    return [[key["kid"] for key in answer.body["keys"]] for answer in answers]


def token_of(caller: Caller) -> str:
    return caller.headers["Authorization"].removeprefix("Bearer ")


# JWT-10: announced everywhere at once, signing everywhere at once, and no token is refused
async def test_a_new_key_is_announced_and_signs_on_all_replicas_alike(
    tmp_path: Path, fresh_dsn: str
) -> None:
    clocks = [ShiftedClock() for _ in range(3)]
    async with together(tmp_path, fresh_dsn, clocks=clocks) as lives:
        admins = [await live.admin() for live in lives]
        (old,) = {kid(token_of(admin)) for admin in admins}
        answer = await admins[0].post("/system/keys/rotate")
        assert answer.status in (200, 201), answer.text
        new = answer.body["kid"]
        async with asyncio.timeout(1):
            while await published(lives) != [[old, new]] * 3:
                await asyncio.sleep(0.01)
        assert {kid(token_of(await live.admin())) for live in lives} == {old}

        for clock in clocks:
            clock.advance(ANNOUNCED_FOR.total_seconds() + 1)

        assert {kid(token_of(await live.admin())) for live in lives} == {new}
        for live in lives:
            for admin in admins:
                assert (await live.with_token(token_of(admin)).get("/auth/me")).status == 200


# JWT-10: tokens of a compromised key are refused everywhere within a second
async def test_tokens_of_a_compromised_key_end_on_all_replicas(replicas: list[Replica]) -> None:
    first = replicas[0]
    tokens = [(await one.login("admin", ADMIN_PASSWORD))["token"] for one in replicas]
    for one in replicas:
        for token in tokens:
            assert (await one.with_token(token).get("/auth/me")).status == 200

    answer = await first.with_token(tokens[0]).post("/system/keys/rotate", {"compromised": True})
    done = time.monotonic()
    assert answer.status in (200, 201), answer.text

    async def last_good(one: Replica, token: str) -> float:
        last = done
        while True:
            asked = time.monotonic()
            status = (await one.with_token(token).get("/auth/me")).status
            if status == 401:
                return last - done
            last = asked
            await asyncio.sleep(0.005)

    async with asyncio.timeout(10):
        lags = await asyncio.gather(
            *(last_good(one, token) for one in replicas for token in tokens)
        )
    assert max(lags) < 1.0
    for one in replicas:
        token = (await one.login("admin", ADMIN_PASSWORD))["token"]
        assert kid(token) == answer.body["kid"]
        for other in replicas:
            assert (await other.with_token(token).get("/auth/me")).status == 200
