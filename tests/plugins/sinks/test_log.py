"""The sink `log`: a line for each batch."""

from __future__ import annotations

import msgspec

from agentbox_log_sink.sink import LogSink
from tests.plugins.sinks.conftest import BATCH, ENVIRONMENT, TYPES, large
from tests.plugins.stand_in import Log


async def test_a_batch_is_one_line_with_the_values_of_everything_together() -> None:
    log = Log()
    await LogSink(log).deliver(BATCH, TYPES)

    assert log.lines == [
        (
            "info",
            "metrics",
            {
                "at": "2026-11-23T12:00:00.000000Z",
                "of": "all",
                "values": {"load": 12.5, "hits": 3, "size": 640.0},
            },
        )
    ]


async def test_what_processes_measure_for_themselves_says_so() -> None:
    log = Log()
    await LogSink(log).deliver(msgspec.structs.replace(BATCH, of_process=True), TYPES)

    assert [values["of"] for _, _, values in log.lines] == ["process"]


async def test_environments_have_lines_of_their_own_where_they_are_wanted() -> None:
    log = Log()
    await LogSink(log, environments=True).deliver(BATCH, TYPES)

    assert [(line.get("environment"), line["values"]) for _, _, line in log.lines] == [
        (None, {"load": 12.5, "hits": 3, "size": 640.0}),
        (ENVIRONMENT, {"size": 128.25}),
    ]


async def test_a_batch_of_environments_alone_is_no_line() -> None:
    log = Log()
    await LogSink(log).deliver(large(3), TYPES)

    assert log.lines == []
