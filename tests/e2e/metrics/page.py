"""Servers that show `/metrics`, and reading what they show."""

from __future__ import annotations

from typing import Final

from tests.backend import ON_POSTGRES
from tests.live import Caller

_STORAGE: Final = "postgres" if ON_POSTGRES else "sqlite"

SHOWING: Final = {
    "AGENTBOX_PLUGINS__ENABLED": f"{_STORAGE},password,jwt,apikey,prometheus",
    "AGENTBOX_METRICS_COLLECTION_INTERVAL": "5s",
}


async def scrape(caller: Caller) -> dict[str, float]:
    """The values of the page by their series."""
    answer = await caller.raw("GET", "/metrics")
    assert answer.status == 200, answer.text
    lines = (line for line in answer.text.splitlines() if not line.startswith("#"))
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}
