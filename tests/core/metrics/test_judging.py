"""What a source gives is what it declared, or is left out."""

from __future__ import annotations

import math
from typing import Any

import pytest

from agentbox.core.metrics.judging import judge
from agentbox.model.ids import new_id
from agentbox.model.metrics import Sample
from tests.core.metrics.parts import HITS, LOAD, SIZE

TYPES = {kind.name: kind for kind in (LOAD, HITS, SIZE)}
ID = new_id()
GOOD = [
    Sample("ex_load", -3.5),
    Sample("ex_hits", 0),
    Sample("ex_size", 1.0),
    Sample("ex_size", 2.0, ID),
]


def test_what_was_declared_passes() -> None:
    judged = judge(GOOD, TYPES)
    assert (judged.good, judged.refused, judged.fault) == (GOOD, 0, "")


BAD: list[tuple[Any, str]] = [
    (None, "NoneType is no Sample"),
    ({"type": "ex_load", "value": 1.0}, "dict is no Sample"),
    (Sample("other_load", 1.0), "its type was not declared"),
    (Sample(["ex_load"], 1.0), "its type was not declared"),  # type: ignore[arg-type]
    (Sample("ex_load", math.nan), "ex_load is no finite number"),
    (Sample("ex_load", math.inf), "ex_load is no finite number"),
    (Sample("ex_load", -math.inf), "ex_load is no finite number"),
    (Sample("ex_load", 1e201), "ex_load is no finite number"),
    (Sample("ex_load", 10**400), "ex_load is no finite number"),
    (Sample("ex_load", True), "ex_load is no finite number"),
    (Sample("ex_load", "1"), "ex_load is no finite number"),  # type: ignore[arg-type]
    (Sample("ex_load", None), "ex_load is no finite number"),  # type: ignore[arg-type]
    (Sample("ex_hits", -1.0), "ex_hits counts and is negative"),
    (Sample("ex_load", 1.0, ID), "ex_load is of no environment"),
    (Sample("ex_size", 1.0, ""), "ex_size is of something that is no environment's id"),
    (Sample("ex_size", 1.0, "a' OR 1=1"), "ex_size is of something that is no environment's id"),
    (Sample("ex_size", 1.0, 7), "ex_size is of something that is no environment's id"),  # type: ignore[arg-type]
    (Sample("ex_size", 9.0, ID), "there are two of one series"),
]


@pytest.mark.parametrize(("sample", "fault"), BAD, ids=lambda value: str(value)[:40])
def test_what_was_not_is_left_out_and_the_rest_passes(sample: Any, fault: str) -> None:
    judged = judge([*GOOD, sample], TYPES)
    assert (judged.good, judged.refused, judged.fault) == (GOOD, 1, fault)


def test_all_that_is_refused_is_counted_and_the_first_is_told() -> None:
    judged = judge([sample for sample, _ in BAD[:-1]], TYPES)
    assert (judged.good, judged.refused) == ([], len(BAD) - 1)
    assert judged.fault == BAD[0][1]
