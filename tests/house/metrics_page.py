"""The table of docs/metrics.md of what is measured, as the bundled sources declare it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentbox.model.metrics import MetricType
from agentbox.plugin import MetricSource
from agentbox.testing import PlainServices
from agentbox_metrics.host import Host
from agentbox_metrics.own import Own
from agentbox_metrics.reports import Reports
from agentbox_metrics.totals import Totals
from tests.house.tree import ROOT

_HEAD = "| type | unit | kind | of | what |\n|---|---|---|---|---|\n"
_TABLE = re.compile(re.escape(_HEAD) + r"(?:\| .*\n)*")


def metrics_page() -> str:
    """docs/metrics.md"""
    page = (ROOT / "docs/metrics.md").read_text()
    page, count = _TABLE.subn(lambda _: _HEAD + "".join(_rows()), page)
    assert count == 1, "docs/metrics.md has no table of what is measured"
    return page


def bundled_sources() -> tuple[MetricSource, ...]:
    """Those of the plugin `metrics`."""
    services = PlainServices("metrics")
    return Reports(services), Totals(services), Host(None), Own(None)


def _rows() -> Iterator[str]:
    for source in bundled_sources():
        for kind in source.types:
            cells = f"`{kind.name}`", kind.unit, str(kind.kind), _of(source, kind), kind.description
            yield f"| {' | '.join(cells)} |\n"


def _of(source: MetricSource, kind: MetricType) -> str:
    if source.of_process:
        return "processes"
    return "each environment, and all" if kind.per_environment else "all"
