"""Small stores: jobs, markers."""

from __future__ import annotations

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
            first = await tx.jobs.claim("job", NOON, NOON + HOUR)
            second = await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR)
            assert (first, second) == (Lease("job", 1), Lease("job", 2))
            assert first is not None
            assert second is not None

            assert not await tx.jobs.finish(first, NOON + 9 * HOUR)
            assert await tx.jobs.finish(second, NOON + 5 * HOUR)

            state = JobState(name="job", next_due=NOON + 5 * HOUR, lease_until=None, fence=2)
            assert await tx.jobs.get("job") == state

    async def test_a_lease_is_renewed_until_it_is_given_back_or_lost(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            first = await tx.jobs.claim("job", NOON, NOON + HOUR)
            assert first is not None
            assert await tx.jobs.renew(first, NOON + 2 * HOUR)
            state = JobState(name="job", next_due=NOON, lease_until=NOON + 2 * HOUR, fence=1)
            assert await tx.jobs.get("job") == state
            assert await tx.jobs.claim("job", NOON + HOUR, NOON + 3 * HOUR) is None
            assert not await tx.jobs.renew(Lease("none", 1), NOON + HOUR)

            second = await tx.jobs.claim("job", NOON + 2 * HOUR, NOON + 3 * HOUR)
            assert second == Lease("job", 2)
            assert not await tx.jobs.renew(first, NOON + 9 * HOUR)
            assert await tx.jobs.finish(second, NOON + 5 * HOUR)
            assert not await tx.jobs.renew(second, NOON + 9 * HOUR)

            state = JobState(name="job", next_due=NOON + 5 * HOUR, lease_until=None, fence=2)
            assert await tx.jobs.get("job") == state

    async def test_a_marker_is_written_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            assert await tx.markers.get("made-by") is None
            assert await tx.markers.claim("made-by", "me")
            assert not await tx.markers.claim("made-by", "you")
            assert await tx.markers.get("made-by") == "me"
