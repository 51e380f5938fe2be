"""Two tables side by side: what is found makes the second the first, however they are batched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as some

from agentbox.core.copying.merging import Values, differences

CELL = some.one_of(some.none(), some.integers(0, 3), some.text("aé\U0001d51e", max_size=2))
TABLE = some.dictionaries(some.tuples(some.integers(-3, 3), some.text("aé", max_size=1)), CELL)


async def batches(rows: Sequence[Values], size: int) -> AsyncIterator[Sequence[Values]]:
    for first in range(0, len(rows), size):
        yield rows[first : first + size]


def ordered(table: dict[tuple[int, str], object]) -> list[Values]:
    return [(*key, table[key]) for key in sorted(table)]


@given(TABLE, TABLE, some.integers(1, 4), some.integers(1, 4))
async def test_what_is_written_and_deleted_makes_them_alike(
    source: dict[tuple[int, str], object],
    target: dict[tuple[int, str], object],
    source_batch: int,
    target_batch: int,
) -> None:
    result, seen = dict(target), 0
    left, right = ordered(source), ordered(target)

    async for found in differences(batches(left, source_batch), batches(right, target_batch), 2):
        seen += found.seen
        for *key, value in found.rows:
            assert result.get((key[0], key[1]), result) != value, "written without need"
            result[key[0], key[1]] = value
        for first, second in found.gone:
            del result[first, second]

    assert result == source
    assert seen == len(source)
