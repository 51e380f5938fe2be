"""What environments reported last."""

from __future__ import annotations

import msgspec

from agentbox.model.environments import EnvironmentStatus, RunningEnvironment
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import HOUR, NOON, TICK, a_report, a_user, an_environment
from agentbox.testing.storage.harness import StorageTests


class ReportTests(StorageTests):
    """Reports."""

    async def test_a_report_is_written_over_the_one_before(self, storage: Storage) -> None:
        nothing = a_report(cpu_millicores=None, memory_bytes=None, sandboxes=None)
        later = a_report(reported_at=NOON + 2 * TICK, memory_bytes=0, cpu_millicores=0.125)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(an_environment())
            assert await tx.reports.get(["environment-1"]) == {}

            assert await tx.reports.put(nothing)
            assert await tx.reports.get(["environment-1"]) == {"environment-1": nothing}

            assert await tx.reports.put(a_report(reported_at=NOON + TICK))
            assert await tx.reports.put(later)
            assert await tx.reports.get(["environment-1"]) == {"environment-1": later}

    async def test_what_a_report_leaves_out_stays_as_it_was(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(an_environment())
            assert await tx.reports.put(a_report())

            later = a_report(reported_at=NOON + TICK)
            for partial in (
                msgspec.structs.replace(later, cpu_millicores=None),
                msgspec.structs.replace(later, memory_bytes=None),
                msgspec.structs.replace(later, sandboxes=None),
            ):
                assert await tx.reports.put(partial)

            assert await tx.reports.get(["environment-1"]) == {"environment-1": later}

    async def test_what_was_said_before_a_start_is_not_said_of_what_was_started(
        self, storage: Storage
    ) -> None:
        """A new run has only what was said of it."""
        nothing = a_report(
            reported_at=NOON + HOUR, cpu_millicores=None, memory_bytes=None, sandboxes=None
        )
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            environment = an_environment(started_at=NOON)
            await tx.environments.add(environment)
            assert await tx.reports.put(a_report())
            (running,) = await tx.reports.running(NOON - HOUR)
            assert running.report == a_report()

            started_at = NOON + TICK
            again = msgspec.structs.replace(environment, started_at=started_at)
            await tx.environments.replace(again)
            (running,) = await tx.reports.running(NOON - HOUR)
            assert (running.started_at, running.report) == (started_at, None)

            assert await tx.reports.put(nothing)
            (running,) = await tx.reports.running(NOON - HOUR)
            assert running.report == nothing

            partial = msgspec.structs.replace(nothing, sandboxes=4)
            assert await tx.reports.put(partial)
            assert set(await tx.reports.put_all([nothing])) == {"environment-1"}
            assert await tx.reports.get(["environment-1"]) == {"environment-1": partial}

    async def test_what_is_written_last_counts_and_the_time_never_goes_back(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(an_environment())
            assert await tx.reports.put(a_report(sandboxes=None))

            late = a_report(
                reported_at=NOON - TICK, cpu_millicores=1.0, memory_bytes=None, sandboxes=7
            )
            assert await tx.reports.put(late)

            assert await tx.reports.get(["environment-1"]) == {
                "environment-1": a_report(cpu_millicores=1.0, sandboxes=7)
            }

    async def test_many_are_written_one_after_the_other(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for number in range(2):
                await tx.environments.add(an_environment(f"environment-{number}"))
            first = a_report("environment-0", sandboxes=1)
            then = a_report("environment-0", sandboxes=2, memory_bytes=None)
            other = a_report("environment-1", reported_at=NOON + TICK)

            kept = await tx.reports.put_all([first, a_report("gone"), other, then])

            assert set(kept) == {"environment-0", "environment-1"}
            assert await tx.reports.get(["environment-0", "environment-1", "gone"]) == {
                "environment-0": msgspec.structs.replace(first, sandboxes=2),
                "environment-1": other,
            }

    async def test_a_report_of_no_environment_is_not_kept(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            assert not await tx.reports.put(a_report())
            assert await tx.reports.get(["environment-1"]) == {}

    async def test_a_report_goes_with_its_environment(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(an_environment())
            await tx.reports.put(a_report())
            await tx.environments.delete("environment-1")

            assert await tx.reports.get(["environment-1"]) == {}

    async def test_reports_of_many_are_looked_up_at_once(self, storage: Storage) -> None:
        ids = [f"environment-{number}" for number in range(1000)]
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_ in ids[:3]:
                await tx.environments.add(an_environment(id_))
                await tx.reports.put(a_report(id_))

            assert await tx.reports.get([]) == {}
            assert await tx.reports.get(ids) == {id_: a_report(id_) for id_ in ids[:3]}
            assert await tx.reports.get(ids[1:2]) == {ids[1]: a_report(ids[1])}

    async def test_an_environment_runs_unless_it_has_fallen_silent(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for status in EnvironmentStatus:
                environment = an_environment(f"is-{status}", status=status)
                await tx.environments.add(environment)
                await tx.reports.put(a_report(environment.id))
            begun = NOON - 2 * HOUR
            for id_ in ("never", "exactly", "silent"):
                await tx.environments.add(an_environment(id_, started_at=begun))
            await tx.environments.add(an_environment("restarted", started_at=NOON - HOUR))
            await tx.reports.put(a_report("exactly", reported_at=NOON - HOUR, sandboxes=None))
            await tx.reports.put(a_report("restarted", reported_at=NOON - HOUR - TICK))
            await tx.reports.put(a_report("silent", reported_at=NOON - HOUR - TICK))

            assert list(await tx.reports.running(NOON - HOUR)) == [
                RunningEnvironment(
                    "exactly",
                    NOON,
                    begun,
                    a_report("exactly", reported_at=NOON - HOUR, sandboxes=None),
                ),
                RunningEnvironment("is-running", NOON, None, a_report("is-running")),
                RunningEnvironment("never", NOON, begun, None),
                RunningEnvironment("restarted", NOON, NOON - HOUR, None),
            ]
