"""Another server takes over, or the one there is takes no writes any more."""

from __future__ import annotations

import asyncio
import signal

from tests.live import Live
from tests.outages.load import loaded
from tests.outages.servers import backends, make_template, on_postgres
from tests.postgres import Postgres, running, standby

READ_ONLY = "ALTER SYSTEM SET default_transaction_read_only = on"
WRITABLE = "ALTER SYSTEM RESET default_transaction_read_only"
RELOAD = "SELECT pg_reload_conf()"


async def test_a_standby_takes_over(postgres: Postgres) -> None:
    # ST-08: the primary is killed, `pg_ctl promote`; with a synchronous standby nothing is lost
    with running(postgres.binaries, settings="") as primary:
        with standby(primary) as second:
            name = primary.create()
            # What is acknowledged is there too. Nobody will follow the new primary.
            primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'", RELOAD)
            both = f"postgresql://agentbox@/{name}?host={second.folder},{primary.folder}"
            await make_template(both)
            async with on_postgres(both) as live, loaded(live) as load:
                primary.stop(signal.SIGKILL)
                await load.until_refused("read", "write", "revoked")
                await asyncio.to_thread(
                    second.command, "pg_ctl", "promote", "-w", "-D", second.data
                )
                await load.until_all_is_well(within=10)
            load.assert_kept(second.dsn(name))


async def test_connections_to_a_server_that_takes_no_writes_any_more_are_thrown_away(
    live: Live, postgres: Postgres, dsn: str
) -> None:
    # ST-08: 25006
    async with loaded(live) as load:
        before = set(backends(postgres, dsn))
        postgres.run(READ_ONLY, RELOAD)
        try:
            # What such a server tells may be old: reads are refused too.
            await load.until_refused("read", "write", "revoked")
            assert (await live.anonymous.get("/readyz")).status == 503
        finally:
            postgres.run("SET default_transaction_read_only = off", WRITABLE, RELOAD)
        await load.until_all_is_well(within=10)
        listener = backends(postgres, dsn, "query LIKE 'LISTEN%' OR query = 'SELECT 1'")
        assert before & set(backends(postgres, dsn)) <= set(listener)
    load.assert_kept(dsn)
