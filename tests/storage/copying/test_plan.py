"""Which tables go together, and in which order; what does not is said, all of it."""

from __future__ import annotations

import pytest

from agentbox.core.copying.plan import plan
from agentbox.errors import StorageError
from agentbox.plugin.storage.tables import Column, TableShape, next_batch


def table(
    name: str,
    *columns: str,
    key: tuple[str, ...] = ("id",),
    references: tuple[str, ...] = (),
    transient: bool = False,
) -> TableShape:
    """Columns are written `name:kind`; there is always an `id`."""
    pairs = [column.split(":") for column in ("id:text", *columns)]
    return TableShape(
        name=name,
        columns=tuple(Column(column, kind) for column, kind in pairs),
        key=key,
        references=frozenset(references),
        transient=transient,
    )


def both(*shapes: TableShape) -> dict[str, TableShape]:
    return {shape.name: shape for shape in shapes}


def refused(source: TableShape, target: TableShape) -> str:
    with pytest.raises(StorageError) as told:
        plan(both(source), both(target))
    return str(told.value)


def test_a_table_comes_after_those_that_it_refers_to() -> None:
    one = both(
        table("a", references=("b",)), table("b", references=("c", "d")), table("c"), table("d")
    )
    other = both(*(table(name) for name in "abcd"))

    for source, target in ((one, other), (other, one)):
        order = [pair.name for pair in plan(source, target)]
        assert order.index("b") < order.index("a")
        assert max(order.index("c"), order.index("d")) < order.index("b")


def test_the_columns_of_the_key_come_first() -> None:
    shape = table("a", "z:integer", "k:text", "b:text", key=("k", "id"))

    (pair,) = plan(both(shape), both(shape))
    assert (pair.columns, pair.width) == (("k", "id", "b", "z"), 2)


@pytest.mark.parametrize(
    ("kind", "other"),
    [("integer", "time"), ("integer", "boolean"), ("text", "json"), ("text", "jsonb")],
)
def test_kinds_that_only_one_database_has_go_together(kind: str, other: str) -> None:
    one, two = table("a", f"x:{kind}"), table("a", f"x:{other}")

    assert plan(both(one), both(two))
    assert plan(both(two), both(one))


@pytest.mark.parametrize(
    ("kind", "other"),
    [("text", "time"), ("real", "integer"), ("bytes", "text"), ("integer", "numeric")],
)
def test_kinds_that_don_t_are_named(kind: str, other: str) -> None:
    told = refused(table("a", f"x:{kind}"), table("a", f"x:{other}"))

    assert told == f"a.x is {kind} in the source and {other} in the target."


def test_a_kind_that_only_the_databases_know_goes_into_the_same() -> None:
    assert plan(both(table("a", "x:numeric")), both(table("a", "x:numeric")))


def test_everything_that_is_on_one_side_alone_is_named() -> None:
    with pytest.raises(StorageError) as told:
        plan(both(table("a", "x:text"), table("b")), both(table("a", "y:text"), table("c")))
    assert str(told.value).splitlines() == [
        "Only the source has a table b.",
        "Only the target has a table c.",
        "Only the source has a column a.x.",
        "Only the target has a column a.y.",
    ]


def test_rows_without_a_key_and_keys_that_differ_are_refused() -> None:
    assert "a has no primary key" in refused(table("a", key=()), table("a", key=()))
    told = refused(table("a", "b:text"), table("a", "b:text", key=("b", "id")))
    assert told == "The primary key of a is id in the source, b, id in the target."


@pytest.mark.parametrize("references", [("a",), ("b",)])
def test_rows_that_refer_to_each_other_in_a_circle_are_refused(
    references: tuple[str, ...],
) -> None:
    shapes = both(table("a", references=references), table("b", references=("a",)))

    with pytest.raises(StorageError, match="in a circle"):
        plan(shapes, shapes)


def test_what_need_not_outlive_a_restart_is_left_out_on_both_sides() -> None:
    assert plan(both(table("a"), table("b")), both(table("a"), table("b", transient=True)))
    (pair,) = plan(both(table("a")), both(table("a"), table("b", transient=True)))
    assert pair.name == "a"


def test_json_of_which_one_side_keeps_the_meaning_alone_is_compared_by_it() -> None:
    (pair,) = plan(both(table("a", "x:text")), both(table("a", "x:jsonb")))

    assert pair.taken([("1", '{"b": 1,\n"a": [1.5, "é"]}'), ("2", None)]) == pair.compared(
        [("1", '{"a":[1.5,"é"],"b":1}'), ("2", None)]
    )


@pytest.mark.parametrize(
    ("rows", "length", "then"),
    [(100, 10, 400), (4000, 100, 5000), (400, 60 * 1024, 68), (1, 2**23, 1), (17, 0, 68)],
)
def test_as_many_rows_are_read_as_the_memory_takes(rows: int, length: int, then: int) -> None:
    assert next_batch([(1, None, "x" * length)] * rows) == then
