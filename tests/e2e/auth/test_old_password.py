"""A login that is under way with the old password when a new one is set."""

from __future__ import annotations

import asyncio

from tests.live import USER_PASSWORD, Live
from tests.scale import scaled

NEW_PASSWORD = "velvet-harbour-tundra-64"


async def test_no_session_begun_with_the_old_password_outlives_its_change(live: Live) -> None:
    # PW-10: a change ends all other sessions, however close the race.
    user = await live.make_user("racer")
    admin = await live.admin()
    passwords = [USER_PASSWORD, NEW_PASSWORD]
    for _ in range(scaled(6)):
        old, new = passwords

        async def sign_in(delay: float, old: str = old) -> str | None:
            await asyncio.sleep(delay)  # spread over the change; the moment is the point
            body = {"username": "racer", "password": old}
            answer = await live.anonymous.post("/auth/login", body)
            return answer.body.get("token")

        logins = [asyncio.create_task(sign_in(number * 0.003)) for number in range(12)]
        await asyncio.sleep(0.01)
        answer = await admin.put(f"/users/{user['id']}", {"password": new})
        assert answer.status == 200, answer.text
        tokens = [token for token in await asyncio.gather(*logins) if token]
        statuses = [(await live.with_token(token).get("/auth/me")).status for token in tokens]
        assert set(statuses) <= {401}
        passwords.reverse()
