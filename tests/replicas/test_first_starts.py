"""Many first starts at once: one schema, one admin, one set of keys, one root secret."""

from __future__ import annotations

import asyncio
import base64
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agentbox.core.runtime import open_runtime
from agentbox.core.startup import assemble
from agentbox.errors import StartError
from tests.live import ADMIN_PASSWORD, live_server
from tests.postgres import Postgres
from tests.replicas.cluster import calling, cluster, name_of, settings
from tests.replicas.together import environ, together
from tests.scale import scaled

AT_ONCE = 8

COUNTS = (
    "SELECT (SELECT count(*) FROM agentbox_migrations),"
    " (SELECT count(DISTINCT id) FROM agentbox_migrations),"
    " (SELECT count(*) FROM users), (SELECT count(*) FROM passwords),"
    " (SELECT count(*) FROM signing_keys),"
    " (SELECT count(*) FROM audit WHERE event = 'user.create'),"
    " (SELECT string_agg(name, ' ' ORDER BY name) FROM markers)"
)


def require_one_of_each(postgres: Postgres, dsn: str) -> None:
    """What a first start makes is there once."""
    (row,) = postgres.run(COUNTS, database=name_of(dsn))
    migrations, *counts, markers = row
    assert (migrations, counts) == (counts[0], [migrations, 1, 1, 1, 1])
    assert markers == "first_start root_secret"


# ST-07, OP-01
async def test_eight_processes_that_start_at_once_make_one_of_each(
    postgres: Postgres, fresh_dsn: str, tmp_path: Path
) -> None:
    env = settings(fresh_dsn)
    del env["AGENTBOX_ADMIN_PASSWORD"]  # one is made, by one of them, and shown once
    with cluster(tmp_path, AT_ONCE, env) as processes:
        async with calling(processes) as replicas:
            require_one_of_each(postgres, fresh_dsn)
            shown = [any("First start" in line for line in one.lines) for one in processes]
            assert sorted(shown) == [False] * (AT_ONCE - 1) + [True]
            password = (tmp_path / "agentbox.initial-password").read_text().strip()
            tokens = [(await one.login("admin", password))["token"] for one in replicas]
            for number, one in enumerate(replicas):
                token = tokens[(number + 1) % AT_ONCE]
                assert (await one.with_token(token).get("/auth/me")).status == 200


# ST-07: 2 rounds at scale 1, 20 at scale 10
async def test_eight_runtimes_that_start_at_once_make_one_of_each(
    postgres: Postgres, tmp_path: Path
) -> None:
    for _ in range(scaled(2)):
        with postgres.database() as dsn:
            given = {name: value for name, value in environ(dsn).items() if value is not None}
            given["AGENTBOX_ADMIN_PASSWORD"] = ADMIN_PASSWORD
            assembly = assemble(None, given, {})
            async with AsyncExitStack() as stack:
                await asyncio.gather(
                    *(
                        stack.enter_async_context(open_runtime(assembly, serving=True))
                        for _ in range(AT_ONCE)
                    )
                )
                require_one_of_each(postgres, dsn)


# JWT-06: replicas share one secret, or don't start
@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (None, "needs AGENTBOX_SECRET_KEY, the same on every replica"),
        (base64.b64encode(os.urandom(32)).decode(), "the root secret is not the one that sealed"),
    ],
    ids=["none", "another"],
)
async def test_a_replica_without_the_shared_secret_does_not_start(
    fresh_dsn: str, tmp_path: Path, secret: str | None, said: str
) -> None:
    async with together(tmp_path, fresh_dsn, 1):
        given = environ(fresh_dsn) | {"AGENTBOX_SECRET_KEY": secret}
        with pytest.raises(StartError, match=said):
            async with live_server(tmp_path, environ=given):
                pass
