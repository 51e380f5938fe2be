"""Copy all that is stored into another database, or bring an earlier copy up to date."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

from agentbox.core.copying.merging import differences
from agentbox.core.copying.plan import Pair, plan
from agentbox.core.copying.report import Contents, Digest, Report, TableReport
from agentbox.core.copying.target import require_own_copy
from agentbox.errors import Conflict, StorageError
from agentbox.plugin.storage import Storage, Tables, WritableTables

Progress = Callable[[str, int, int], None]
"""What is done now, how many rows of it are, and of how many."""

Rows = AsyncGenerator[Sequence[tuple[Any, ...]], None]


async def copy(source: Storage, target: Storage, progress: Progress, *, force: bool) -> Report:
    """Make the target hold what the source holds, in one transaction, and compare the two.

    The target's schema must be there. A target that is neither empty nor a copy of this source, or
    that has been used since, is refused with `StorageError` unless `force` says to overwrite it.
    """
    async with source.tables() as there:
        run = _Run(there, progress)
        try:
            async with target.writable_tables() as here:
                await run.write(here, force=force, anew=False)
        except Conflict:
            # Two rows have exchanged a name, say. One after the other that can't be written.
            run = _Run(there, progress)
            async with target.writable_tables() as here:
                await run.write(here, force=force, anew=True)
        async with target.tables() as here:
            return await run.compared(here)


async def compare(source: Storage, target: Storage, progress: Progress) -> Report:
    """Whether both hold the same; writes nothing. Raises `StorageError` for other tables."""
    async with source.tables() as there, target.tables() as here:
        run = _Run(there, progress)
        await run.read(here)
        return await run.compared(here)


class _Run:
    """One pass over everything, from one moment of the source."""

    def __init__(self, source: Tables, progress: Progress) -> None:
        self._source = source
        self._progress = progress
        self._pairs: Sequence[Pair] = ()
        self._contents: dict[str, Contents] = {}
        self._written: Counter[str] = Counter()
        self._deleted: Counter[str] = Counter()

    async def write(self, target: WritableTables, *, force: bool, anew: bool) -> None:
        """Make `target` alike; with `anew` nothing of it is kept."""
        self._pairs = plan(self._source.shapes, target.shapes)
        filled = {pair.name: await target.count(pair.name) for pair in self._pairs}
        if not force and any(filled.values()):
            await require_own_copy(self._source, target)
        # What refers to others goes before them, and comes after them.
        for pair in reversed(self._pairs):
            if filled[pair.name] and anew:
                await target.clear(pair.name)
                self._deleted[pair.name] = filled[pair.name]
            elif filled[pair.name]:
                await self._delete(pair, target)
        for pair in self._pairs:
            if filled[pair.name] and not anew:
                await self._update(pair, target)
            else:
                await self._fill(pair, target)
            await target.advance(pair.name, await self._source.position(pair.name))

    async def read(self, target: Tables) -> None:
        """Only look at the source."""
        self._pairs = plan(self._source.shapes, target.shapes)
        for pair in self._pairs:
            digest = Digest()
            async with aclosing(self._taken(pair, "read")) as batches:
                async for batch in batches:
                    digest.add(batch)
            self._contents[pair.name] = digest.contents

    async def compared(self, target: Tables) -> Report:
        """What the target holds, beside what was read of the source."""
        return Report([await self._compared(pair, target) for pair in self._pairs])

    async def _delete(self, pair: Pair, target: WritableTables) -> None:
        """What the source does not have."""
        key = pair.columns[: pair.width]
        async with (
            aclosing(self._source.rows(pair.name, key)) as source,
            aclosing(target.rows(pair.name, key)) as rows,
        ):
            with _comparable(pair):
                async for difference in differences(_tuples(source), _tuples(rows), pair.width):
                    if difference.gone:
                        await target.remove(pair.name, difference.gone)
                        self._deleted[pair.name] += len(difference.gone)

    async def _fill(self, pair: Pair, target: WritableTables) -> None:
        digest = Digest()
        async with aclosing(self._taken(pair, "copied")) as batches:
            async for batch in batches:
                digest.add(batch)
                await self._put(pair, target, batch, fresh=True)
        self._contents[pair.name] = digest.contents

    async def _update(self, pair: Pair, target: WritableTables) -> None:
        digest = Digest()

        async def noted(batches: Rows) -> Rows:
            async for batch in batches:
                digest.add(batch)
                yield batch

        async with (
            aclosing(self._taken(pair, "copied")) as taken,
            aclosing(noted(taken)) as source,
            aclosing(_compared(pair, target)) as rows,
        ):
            with _comparable(pair):
                async for difference in differences(source, rows, pair.width):
                    if difference.rows:
                        await self._put(pair, target, difference.rows, fresh=False)
        self._contents[pair.name] = digest.contents

    async def _put(
        self, pair: Pair, target: WritableTables, rows: Sequence[tuple[Any, ...]], *, fresh: bool
    ) -> None:
        try:
            await target.put(pair.name, pair.columns, rows, fresh=fresh)
        except StorageError as error:
            told = f"Rows of {pair.name} can't be written to the target: {error}"
            raise StorageError(told, full=error.full) from error
        except Conflict as conflict:
            if not fresh:
                raise
            told = f"Rows of {pair.name} can't stand side by side in the target: {conflict.detail}"
            raise StorageError(told) from conflict
        self._written[pair.name] += len(rows)

    async def _taken(self, pair: Pair, verb: str) -> Rows:
        """The source's rows, as they are to be; tells how far they are."""
        total, done = await self._source.count(pair.name), 0
        self._progress(f"{pair.name} {verb}", done, total)
        async with aclosing(self._source.rows(pair.name, pair.columns)) as batches:
            async for batch in batches:
                yield pair.taken(batch)
                done += len(batch)
                self._progress(f"{pair.name} {verb}", done, total)

    async def _compared(self, pair: Pair, target: Tables) -> TableReport:
        digest, done = Digest(), 0
        total = self._contents[pair.name].rows
        async with aclosing(_compared(pair, target)) as batches:
            async for batch in batches:
                digest.add(batch)
                done += len(batch)
                self._progress(f"{pair.name} compared", done, total)
        return TableReport(
            name=pair.name,
            source=self._contents[pair.name],
            target=digest.contents,
            written=self._written[pair.name],
            deleted=self._deleted[pair.name],
        )


@contextmanager
def _comparable(pair: Pair) -> Iterator[None]:
    """Some databases let a part of a primary key be nothing, which has no place in any order."""
    try:
        yield
    except TypeError as error:
        raise StorageError(f"Primary keys of {pair.name} can't be put in order.") from error


async def _compared(pair: Pair, target: Tables) -> Rows:
    async with aclosing(target.rows(pair.name, pair.columns)) as batches:
        async for batch in batches:
            yield pair.compared(batch)


async def _tuples(batches: AsyncGenerator[Sequence[Sequence[object]], None]) -> Rows:
    async for batch in batches:
        yield [tuple(row) for row in batch]
