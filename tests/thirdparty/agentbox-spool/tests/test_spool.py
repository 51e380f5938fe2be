"""The source keeps the contract, and counts right."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from agentbox_spool import SpoolOptions, SpoolSource, agentbox_metric_source_types

from agentbox.testing import MetricSourceSuite, OfferedSource, PlainServices


class TestSpool(MetricSourceSuite):
    @pytest.fixture
    def offered(self, tmp_path: Path) -> OfferedSource:
        return OfferedSource(
            plugin="spool",
            type=agentbox_metric_source_types()[0],
            services=lambda: PlainServices("spool", SpoolOptions(folder=tmp_path)),
        )


def test_every_file_counts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    (sample,) = asyncio.run(SpoolSource(tmp_path).collect(datetime.now(UTC)))

    assert (sample.type, sample.value) == ("spool_files", 2)
