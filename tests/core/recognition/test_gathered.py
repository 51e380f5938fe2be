"""Look-ups that share a read: who shares, what each gets, how long anybody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import pytest

from agentbox.core.recognition import gathered
from agentbox.core.recognition.gathered import Gathered
from agentbox.errors import StorageError


class Rows:
    """A table that answers when the test lets it: every id but `none` is there."""

    def __init__(self) -> None:
        self.reads: list[list[str]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.error: BaseException | None = None

    async def __call__(self, ids: Sequence[str]) -> Mapping[str, str]:
        self.reads.append(list(ids))
        number = len(self.reads)
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return {id_: f"{id_} in read {number}" for id_ in ids if id_ != "none"}

    async def begun(self, number: int) -> None:
        async with asyncio.timeout(10):
            while len(self.reads) < number:
                await asyncio.sleep(0)


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def table(rows: Rows) -> Gathered[str]:
    return Gathered(rows)


Asking = Callable[[str], "asyncio.Task[str | None]"]


@pytest.fixture
def ask(table: Gathered[str]) -> Asking:
    async def find(id_: str) -> str | None:
        return await table.find(id_)

    return lambda id_: asyncio.create_task(find(id_))


async def test_one_alone_is_read_at_once(table: Gathered[str], rows: Rows) -> None:
    assert await table.find("a") == "a in read 1"
    assert rows.reads == [["a"]]


async def test_all_who_ask_in_one_turn_share_a_read(ask: Asking, rows: Rows) -> None:
    asked = [ask(id_) for id_ in ("a", "b", "a", "none", "c")]

    assert await asyncio.gather(*asked) == [
        "a in read 1",
        "b in read 1",
        "a in read 1",
        None,
        "c in read 1",
    ]
    assert rows.reads == [["a", "b", "none", "c"]]


async def test_nobody_gets_what_was_read_before_they_asked(ask: Asking, rows: Rows) -> None:
    rows.go.clear()
    before = ask("a")
    await rows.begun(1)
    after = ask("a")
    await rows.begun(2)
    rows.go.set()

    assert [await before, await after] == ["a in read 1", "a in read 2"]


async def test_who_asks_while_enough_is_read_is_gathered_for_the_next(
    ask: Asking, rows: Rows
) -> None:
    rows.go.clear()
    first = []
    for number in range(gathered.READS_AT_ONCE):
        first.append(ask(f"first-{number}"))
        await rows.begun(number + 1)
    late = [ask(f"late-{number}") for number in range(10)]
    await asyncio.gather(*(asyncio.sleep(0) for _ in range(10)))
    assert len(rows.reads) == gathered.READS_AT_ONCE
    rows.go.set()
    await asyncio.gather(*first, *late)

    assert rows.reads[gathered.READS_AT_ONCE :] == [[f"late-{number}" for number in range(10)]]


async def test_a_read_has_a_bounded_number_of_ids(ask: Asking, rows: Rows) -> None:
    number = 2 * gathered.MOST_IDS + 1
    answers = await asyncio.gather(*(ask(str(each)) for each in range(number)))

    assert [answer.partition(" ")[0] for answer in answers if answer] == list(
        map(str, range(number))
    )
    assert sorted(map(len, rows.reads)) == [1, gathered.MOST_IDS, gathered.MOST_IDS]


@pytest.mark.parametrize("id_", ["a\x00", "\ud800", "é", "a\n"], ids=ascii)
async def test_what_can_be_no_id_is_not_there_and_disturbs_nobody(
    ask: Asking, rows: Rows, id_: str
) -> None:
    assert await asyncio.gather(ask("a"), ask(id_), ask("b")) == [
        "a in read 1",
        None,
        "b in read 1",
    ]
    assert rows.reads == [["a", "b"]]


async def test_one_who_gives_up_leaves_the_others_waiting(ask: Asking, rows: Rows) -> None:
    rows.go.clear()
    leaving, staying = ask("a"), ask("a")
    await rows.begun(1)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    rows.go.set()

    assert await staying == "a in read 1"


async def test_the_error_of_a_read_reaches_all_who_wait_and_is_not_kept(
    ask: Asking, rows: Rows
) -> None:
    rows.error = StorageError("gone")
    answers = await asyncio.gather(ask("a"), ask("b"), return_exceptions=True)
    rows.error = None

    assert [type(answer) for answer in answers] == [StorageError] * 2
    assert await ask("a") == "a in read 2"


async def test_nobody_waits_longer_than_the_deadline_for_a_read_that_hangs(
    ask: Asking, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered, "DEADLINE", 0.2)
    rows.go.clear()
    hanging = []
    for number in range(gathered.READS_AT_ONCE):
        hanging.append(ask(f"hanging-{number}"))
        await rows.begun(number + 1)
    behind = [ask("behind-1"), ask("behind-2")]

    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*hanging, *behind, return_exceptions=True)

    assert {type(answer) for answer in answers} == {StorageError}
    assert asyncio.get_running_loop().time() - began < 2 * 0.2
    rows.go.set()
    assert await ask("a") is not None


async def test_a_read_that_is_cancelled_from_outside_fails_those_who_wait(
    ask: Asking, rows: Rows
) -> None:
    rows.error = asyncio.CancelledError()

    answers = await asyncio.gather(ask("a"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StorageError]
