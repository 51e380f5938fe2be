"""Small stores: jobs, markers."""

from __future__ import annotations

from msgspec.structs import replace

from agentbox.model.jobs import JobState, Lease
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import HOUR, NOON, TICK
from agentbox.testing.storage.harness import StorageTests


class RecordTests(StorageTests):
    """Jobs, markers."""

    async def test_a_job_is_added_once_and_claimed_when_it_is_due(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            await tx.jobs.ensure("job", NOON + HOUR)
            idle = JobState(name="job", next_due=NOON, lease_until=None, fence=0)
            assert await tx.jobs.get("job") == idle
            assert await tx.jobs.get("none") is None

            assert await tx.jobs.claim("job", NOON - TICK, NOON + HOUR) is None
            assert await tx.jobs.claim("none", NOON, NOON + HOUR) is None
            assert await tx.jobs.claim("job", NOON, NOON + HOUR) == Lease("job", 1)
            assert await tx.jobs.claim("job", NOON + TICK, NOON + HOUR) is None

    async def test_a_lease_that_ran_out_goes_to_the_next(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            first = await tx.jobs.claim("job", NOON, NOON + HOUR, "one")
            second = await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR, "another")
            assert (first, second) == (Lease("job", 1), Lease("job", 2))
            assert first is not None
            assert second is not None

            ended = NOON + HOUR + TICK
            assert not await tx.jobs.finish(first, NOON + 9 * HOUR, at=ended, outcome="failed")
            assert await tx.jobs.finish(second, NOON + 5 * HOUR, at=ended, outcome="ok")

            state = JobState(
                name="job",
                next_due=NOON + 5 * HOUR,
                lease_until=None,
                fence=2,
                last_started=NOON + HOUR,
                last_finished=ended,
                last_outcome="ok",
                last_process="another",
            )
            assert await tx.jobs.get("job") == state

    async def test_of_the_last_run_is_kept_when_and_how_and_by_whom(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            lease = await tx.jobs.claim("job", NOON, NOON + HOUR, "one")
            assert lease is not None
            await tx.jobs.finish(lease, NOON + HOUR, at=NOON + TICK, outcome="timeout")
            await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR, "another")
        async with storage.transaction(read_only=True) as tx:
            state = await tx.jobs.get("job")
        assert state is not None
        begun = (state.last_started, state.last_process)
        assert begun == (NOON + HOUR, "another")
        assert (state.last_finished, state.last_outcome) == (NOON + TICK, "timeout")

    async def test_jobs_are_listed_by_name(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            assert list(await tx.jobs.list()) == []
            for name in ("b", "a-z", "a"):
                await tx.jobs.ensure(name, NOON)
            await tx.jobs.claim("b", NOON, NOON + HOUR, "one")
            listed = list(await tx.jobs.list())
            assert [state.name for state in listed] == ["a", "a-z", "b"]
            assert [await tx.jobs.get(state.name) for state in listed] == listed

    async def test_a_run_that_is_asked_for_is_claimed_before_it_is_due(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            assert not await tx.jobs.run_now("job", NOON)
            await tx.jobs.ensure("job", NOON + 9 * HOUR)
            await tx.jobs.ensure("other", NOON + 9 * HOUR)
            assert await tx.jobs.run_now("job", NOON)
            state = await tx.jobs.get("job")
            assert state is not None
            assert (state.asked_at, state.next_due) == (NOON, NOON + 9 * HOUR)

            assert await tx.jobs.claim("other", NOON + TICK, NOON + HOUR) is None
            lease = await tx.jobs.claim("job", NOON + TICK, NOON + HOUR)
            assert lease is not None
            assert not await tx.jobs.run_now("job", NOON + 2 * TICK)

            # Its process may die, and then it is still asked for.
            again = await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR)
            assert again == Lease("job", 2)
            await tx.jobs.finish(again, NOON + 9 * HOUR, at=NOON + HOUR, outcome="ok")
            assert await tx.jobs.claim("job", NOON + 2 * HOUR, NOON + 3 * HOUR) is None
            ended = await tx.jobs.get("job")
            assert ended is not None
            assert ended.asked_at is None

    async def test_a_run_is_asked_for_where_the_holder_of_the_job_died(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            await tx.jobs.claim("job", NOON, NOON + HOUR)
            assert not await tx.jobs.run_now("job", NOON + HOUR - TICK)
            assert await tx.jobs.run_now("job", NOON + HOUR)

    async def test_a_run_that_is_asked_for_while_the_holder_is_slow_is_still_to_come(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            slow = await tx.jobs.claim("job", NOON, NOON + TICK)
            assert slow is not None
            assert await tx.jobs.run_now("job", NOON + 2 * TICK)
            await tx.jobs.finish(slow, NOON + 9 * HOUR, at=NOON + HOUR, outcome="ok")
            state = await tx.jobs.get("job")
            assert state is not None
            assert (state.asked_at, state.lease_until) == (NOON + 2 * TICK, None)
            assert await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR) == Lease("job", 2)

    async def test_a_run_that_was_asked_for_by_a_clock_that_was_ahead_comes_once(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON + 9 * HOUR)
            await tx.jobs.run_now("job", NOON + HOUR)
            lease = await tx.jobs.claim("job", NOON, NOON + TICK)
            assert lease is not None
            state = await tx.jobs.get("job")
            assert state is not None
            assert state.asked_at == NOON
            await tx.jobs.finish(lease, NOON + 9 * HOUR, at=NOON + TICK, outcome="ok")
            assert await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR) is None

    async def test_a_run_that_nobody_began_is_put_off(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            await tx.jobs.ensure("other", NOON)
            assert not await tx.jobs.skip("none", NOON, NOON + HOUR)
            assert not await tx.jobs.skip("job", NOON - TICK, NOON + HOUR)
            assert await tx.jobs.skip("job", NOON, NOON + HOUR)
            assert not await tx.jobs.skip("job", NOON, NOON + 2 * HOUR)
            moved = JobState(name="job", next_due=NOON + HOUR, lease_until=None, fence=0)
            assert await tx.jobs.get("job") == moved
            assert await tx.jobs.claim("other", NOON, NOON + HOUR) is not None

    async def test_neither_a_run_that_goes_on_nor_one_that_is_asked_for_is_put_off(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("claimed", NOON)
            await tx.jobs.ensure("asked-for", NOON)
            await tx.jobs.claim("claimed", NOON, NOON + TICK)
            await tx.jobs.run_now("asked-for", NOON)
            for name in ("claimed", "asked-for"):
                assert not await tx.jobs.skip(name, NOON, NOON + HOUR)

    async def test_a_lease_is_renewed_until_it_is_given_back_or_lost(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            first = await tx.jobs.claim("job", NOON, NOON + HOUR)
            assert first is not None
            assert await tx.jobs.renew(first, NOON + 2 * HOUR)
            state = await tx.jobs.get("job")
            assert state is not None
            assert (state.lease_until, state.fence) == (NOON + 2 * HOUR, 1)
            assert await tx.jobs.claim("job", NOON + HOUR, NOON + 3 * HOUR) is None
            assert not await tx.jobs.renew(Lease("none", 1), NOON + HOUR)

            second = await tx.jobs.claim("job", NOON + 2 * HOUR, NOON + 3 * HOUR)
            assert second == Lease("job", 2)
            assert not await tx.jobs.renew(first, NOON + 9 * HOUR)
            ended = NOON + 2 * HOUR
            assert await tx.jobs.finish(second, NOON + 5 * HOUR, at=ended, outcome="ok")
            assert not await tx.jobs.renew(second, NOON + 9 * HOUR)

            state = await tx.jobs.get("job")
            assert state is not None
            over = (state.next_due, state.lease_until, state.fence)
            assert over == (NOON + 5 * HOUR, None, 2)

    async def test_a_run_that_is_left_undone_comes_to_the_next_as_it_was(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            await tx.jobs.run_now("job", NOON)
            lease = await tx.jobs.claim("job", NOON, NOON + HOUR, "one")
            held = await tx.jobs.get("job")
            assert lease is not None
            assert held is not None
            left = replace(
                held,
                lease_until=NOON + TICK,
                last_finished=NOON + TICK,
                last_outcome="cancelled",
            )
            assert not await tx.jobs.release(Lease("none", 1), at=NOON, outcome="cancelled")
            assert await tx.jobs.release(lease, at=NOON + TICK, outcome="cancelled")
            assert await tx.jobs.get("job") == left
            # It is given back: a renewal that comes late does not hold up the next process.
            assert not await tx.jobs.renew(lease, NOON + HOUR)
            assert not await tx.jobs.skip("job", NOON, NOON + HOUR)

            second = await tx.jobs.claim("job", NOON + TICK, NOON + HOUR, "another")
            assert second == Lease("job", 2)
            assert not await tx.jobs.release(lease, at=NOON + HOUR, outcome="cancelled")
            assert await tx.jobs.renew(second, NOON + 2 * HOUR)
            await tx.jobs.finish(second, NOON + 9 * HOUR, at=NOON + HOUR, outcome="ok")
            assert not await tx.jobs.release(second, at=NOON + HOUR, outcome="cancelled")
            ended = await tx.jobs.get("job")
            assert ended is not None
            assert (ended.lease_until, ended.last_outcome) == (None, "ok")

    async def test_a_run_does_not_end_before_it_began(self, storage: Storage) -> None:
        """It may have begun by a clock that was ahead."""
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            lease = await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR, "one")
            assert lease is not None
            assert await tx.jobs.finish(lease, NOON + HOUR, at=NOON + TICK, outcome="ok")
            state = await tx.jobs.get("job")
            assert state is not None
            assert (state.last_started, state.last_finished) == (NOON + TICK, NOON + TICK)

            lease = await tx.jobs.claim("job", NOON + 2 * HOUR, NOON + 3 * HOUR, "one")
            assert lease is not None
            assert await tx.jobs.release(lease, at=NOON + HOUR, outcome="cancelled")
            state = await tx.jobs.get("job")
            assert state is not None
            assert (state.last_started, state.last_finished) == (NOON + HOUR, NOON + HOUR)

    async def test_what_a_clock_that_was_ahead_has_written_is_put_right(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON + 9 * HOUR)
            await tx.jobs.ensure("other", NOON + 9 * HOUR)
            lease = await tx.jobs.claim("job", NOON + 9 * HOUR, NOON + 10 * HOUR, "one")
            other = await tx.jobs.claim("other", NOON + 9 * HOUR, NOON + 10 * HOUR, "one")
            found = await tx.jobs.get("job")
            beside = await tx.jobs.get("other")
            assert lease is not None
            assert found is not None
            assert await tx.jobs.correct(found, next_due=NOON, lease_until=NOON + TICK)

            corrected = replace(found, next_due=NOON, lease_until=NOON + TICK)
            assert await tx.jobs.get("job") == corrected
            assert await tx.jobs.get("other") == beside
            # Who had it and lives after all goes on, until another claims it.
            assert await tx.jobs.renew(lease, NOON + HOUR)
            assert await tx.jobs.claim("job", NOON + TICK, NOON + HOUR) is None
            assert await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR) == Lease("job", 2)
            assert other == Lease("other", 1)

    async def test_nothing_is_put_right_where_the_lease_has_changed(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for name in ("renewed", "given-back", "taken-over", "same"):
                await tx.jobs.ensure(name, NOON)
            found = {state.name: state for state in await tx.jobs.list()}
            right = {"next_due": NOON - HOUR, "lease_until": NOON - HOUR}
            assert not await tx.jobs.correct(found["same"], **right)  # nobody has it
            leases = {name: await tx.jobs.claim(name, NOON, NOON + HOUR) for name in found}
            found = {state.name: state for state in await tx.jobs.list()}
            renewed, given_back = leases["renewed"], leases["given-back"]
            assert renewed is not None
            assert given_back is not None
            await tx.jobs.renew(renewed, NOON + HOUR + TICK)
            await tx.jobs.finish(given_back, NOON + HOUR, at=NOON, outcome="ok")
            # To the same end, so that the fence alone tells of it.
            await tx.jobs.claim("taken-over", NOON + HOUR, NOON + 2 * HOUR)
            await tx.jobs.renew(Lease("taken-over", 2), NOON + HOUR)

            before = list(await tx.jobs.list())
            for name in ("renewed", "given-back", "taken-over"):
                assert not await tx.jobs.correct(found[name], **right)
            assert list(await tx.jobs.list()) == before
            assert await tx.jobs.correct(found["same"], **right)

    async def test_a_marker_is_written_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            assert await tx.markers.get("made-by") is None
            assert await tx.markers.claim("made-by", "me")
            assert not await tx.markers.claim("made-by", "you")
            assert await tx.markers.get("made-by") == "me"
