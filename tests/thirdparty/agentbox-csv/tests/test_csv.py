"""The sink keeps the contract, and samples arrive as they were sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from agentbox_csv import CsvOptions, CsvSink, agentbox_metric_sink_types

from agentbox.model.metrics import Batch, Sample
from agentbox.testing import MetricSinkSuite, OfferedSink, PlainServices


class TestCsv(MetricSinkSuite):
    @pytest.fixture
    def offered(self, tmp_path: Path) -> OfferedSink:
        def writing_to(path: Path) -> PlainServices:
            return PlainServices("csv", CsvOptions(path=path))

        return OfferedSink(
            type=agentbox_metric_sink_types()[0],
            services=lambda: writing_to(tmp_path / "samples.csv"),
            unreachable=lambda: writing_to(tmp_path / "missing" / "samples.csv"),
        )


def test_a_sample_is_a_line(tmp_path: Path) -> None:
    batch = Batch(at=datetime(2026, 3, 1, tzinfo=UTC), samples=(Sample("users", 7.0),))
    asyncio.run(CsvSink(tmp_path / "samples.csv").deliver(batch, {}))

    text = (tmp_path / "samples.csv").read_text()
    assert text == "2026-03-01T00:00:00+00:00,users,,7.0\n"
