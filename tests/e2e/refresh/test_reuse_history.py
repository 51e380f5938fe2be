"""A spent token is known as spent whatever becomes of the server, until its session's end."""

from __future__ import annotations

import signal
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_bytes

from agentbox.core.background.expiry import PurgeExpired
from agentbox.core.background.scheduler import ClaimedRun
from tests.backend import database_in
from tests.e2e.refresh.families import Tokens, begin, go_on, is_dead, refresh
from tests.e2e.test_process import API, call, given
from tests.live import ADMIN_PASSWORD, Live, ShiftedClock, live_server
from tests.process import STRONG_PASSWORD, serving

DAY = 24 * 3600
STRICT = {"AGENTBOX_TOKENS__REFRESH_GRACE": "0"}
OLD_KEY, NEW_KEY = (b64encode(token_bytes(32)).decode() for _ in range(2))


@asynccontextmanager
async def running(folder: Path, **environ: str) -> AsyncIterator[Live]:
    async with live_server(folder, environ=STRICT | environ) as live:
        yield live


async def spent(live: Live, length: int = 3) -> list[Tokens]:
    """One family, of which the last tokens are current."""
    family = [await begin(live, "admin", ADMIN_PASSWORD)]
    while len(family) < length:
        family.append(await go_on(live, family[-1].refresh))
    return family


async def is_known(live: Live, family: list[Tokens]) -> bool:
    """Whether the first token of the family is refused, and ends it."""
    assert (await live.with_token(family[-1].access).get("/auth/me")).status == 200
    answer = await refresh(live, family[0].refresh)
    return answer.error == "invalid_grant" and await is_dead(live, family[-1])


# RT-05
async def test_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as live:
        family = await spent(live)
    async with running(tmp_path) as live:
        assert await is_known(live, family)


# RT-05
def test_after_kill_9(tmp_path: Path) -> None:
    def post(url: str, path: str, **body: str) -> tuple[int, dict[str, str]]:
        return call(f"{url}{API}{path}", "POST", body)

    with serving(tmp_path, env=given(**STRICT)) as server:
        _, login = post(server.url, "/auth/login", username="admin", password=STRONG_PASSWORD)
        status, second = post(server.url, "/auth/refresh", refresh_token=login["refresh_token"])
        assert status == 200
        server.stop(signal.SIGKILL)
    with serving(tmp_path, env=given(**STRICT)) as server:
        bearer = {"Authorization": f"Bearer {second['token']}"}
        assert call(f"{server.url}{API}/auth/me", **bearer)[0] == 200
        status, problem = post(server.url, "/auth/refresh", refresh_token=login["refresh_token"])
        assert (status, problem["error"]) == (401, "invalid_grant")
        assert call(f"{server.url}{API}/auth/me", **bearer)[0] == 401
        assert post(server.url, "/auth/refresh", refresh_token=second["refresh_token"])[0] == 401


async def purge(live: Live) -> None:
    """What the job does once an hour."""
    storage, clock = live.runtime.storage, live.runtime.clock
    job = PurgeExpired(clock)
    async with storage.transaction() as tx:
        lease = await tx.jobs.claim(
            job.name, clock.now() + 2 * job.interval, clock.now() + 3 * job.interval
        )
    assert lease is not None
    await job.run(ClaimedRun(job, storage, clock, lease, clock.now()))


# RT-05
async def test_after_the_jobs_that_clean_up(tmp_path: Path) -> None:
    clock = ShiftedClock()
    async with live_server(tmp_path, environ=STRICT, clock=clock) as live:
        family = await spent(live)
        for _ in range(4):  # as long as it may wait each time, up to two days before its end
            clock.advance(6.9 * DAY)
            family.append(await go_on(live, family[-1].refresh))
            await purge(live)
        assert await is_known(live, family)


# RT-05
async def test_an_ended_session_is_kept_until_its_absolute_end(tmp_path: Path) -> None:
    clock = ShiftedClock()
    async with live_server(tmp_path, environ=STRICT, clock=clock) as live:
        family = await spent(live)
        await refresh(live, family[0].refresh)
        clock.advance(29 * DAY)
        await purge(live)
        before = rows(tmp_path)
        clock.advance(3 * DAY)
        await purge(live)

        assert (before, rows(tmp_path)) == (1, 0)
        assert (await refresh(live, family[-1].refresh)).error == "invalid_grant"


def rows(folder: Path) -> int:
    ((number,),) = database_in(folder).run("SELECT count(*) FROM sessions")
    return int(number)


# RT-05
async def test_after_another_root_secret_was_put_first(tmp_path: Path) -> None:
    async with running(tmp_path, AGENTBOX_SECRET_KEY=OLD_KEY) as live:
        family, other = await spent(live), await begin(live, "admin", ADMIN_PASSWORD)
    async with running(tmp_path, AGENTBOX_SECRET_KEY=f"{NEW_KEY},{OLD_KEY}") as live:
        assert (await go_on(live, other.refresh)).refresh != other.refresh
        assert await is_known(live, family)


# RT-05, ST-11: what was given out after the backup is reuse, and so is what was spent before it
async def test_in_a_database_that_was_restored(tmp_path: Path) -> None:
    async with running(tmp_path) as live:
        older, newer = await spent(live), await spent(live)
    database_in(tmp_path).copy_to(backup := tmp_path.with_name(f"{tmp_path.name}-backup"))
    async with running(tmp_path) as live:
        newer.append(await go_on(live, newer[-1].refresh))
    async with running(backup) as live:
        assert (await refresh(live, newer[-1].refresh)).error == "invalid_grant"
        assert await is_dead(live, newer[-1])
        assert await is_dead(live, newer[-2])
        assert await is_known(live, older)
